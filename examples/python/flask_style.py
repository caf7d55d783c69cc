#!/usr/bin/env python3
"""Flask-Redis' way with redis-py and a socket of the daemon: the URL alone is new.

    REDIS_URL=unix:///run/flaskredis/redis.sock python3 flask_style.py

With Flask and Flask-Redis installed the class below is theirs:
    from flask_redis import FlaskRedis
"""
import os

import redis


class FlaskRedis:
    """What Flask-Redis 0.4 does, for those who have redis-py only."""

    def __init__(self, app_config, config_prefix="REDIS"):
        url = app_config.get(f"{config_prefix}_URL", "redis://localhost:6379/0")
        self._client = redis.Redis.from_url(url)

    def __getattr__(self, name):
        return getattr(self._client, name)

    def __getitem__(self, name):
        return self._client[name]

    def __setitem__(self, name, value):
        self._client[name] = value

    def __delitem__(self, name):
        del self._client[name]


def main():
    client = FlaskRedis(os.environ)
    client["potato"] = "chips"
    print(client["potato"].decode())
    client.hset("user:2", mapping={"name": "Ada"})
    print(client.hgetall("user:2"))
    with client.pipeline() as pipe:
        pipe.incr("seen")
        pipe.delete("seen")
        print(pipe.execute())
    del client["potato"]


if __name__ == "__main__":
    main()
