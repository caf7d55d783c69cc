"""What redis-py does with a server, done through a prefix' socket: argument 1 is its path.

Ends with status 0 when all of it worked, 77 when redis-py is not installed.
"""
import sys
import threading

try:
    import redis
except ImportError:
    sys.exit(77)

PATH = sys.argv[1]


def connect(**options):
    return redis.Redis(unix_socket_path=PATH, decode_responses=True, **options)


def commands():
    r = connect(client_name='worker-1')
    assert r.client_getname() == 'worker-1'
    assert r.set('k', 'v', ex=100) and r.get('k') == 'v' and 0 < r.ttl('k') <= 100
    r.hset('h', mapping={'a': 1, 'b': 2})
    assert r.hgetall('h') == {'a': '1', 'b': '2'}
    r.rpush('l', 1, 2, 3)
    assert r.lrange('l', 0, -1) == ['1', '2', '3']
    r.zadd('z', {'x': 1.5, 'y': 2})
    assert r.zrange('z', 0, -1, withscores=True) == [('x', 1.5), ('y', 2.0)]
    assert sorted(r.scan_iter(count=1)) == ['h', 'k', 'l', 'z']
    assert r.info('server')['redis_version']
    other = connect(db=3)
    assert other.get('k') is None and other.set('k', 3) and r.get('k') == 'v'


def pipelines():
    r = connect()
    with r.pipeline(transaction=False) as p:
        for i in range(2000):
            p.set('p:%d' % i, i).get('p:%d' % i)
        replies = p.execute()
    assert replies[1::2] == [str(i) for i in range(2000)]
    with r.pipeline() as p:
        assert p.multi() is None and p.incr('n').incr('n').execute() == [1, 2]
    r.set('k', 'no list')
    with r.pipeline() as p:
        p.lpush('k', 1).set('m', 1)
        try:
            p.execute()
            raise AssertionError('an error in a transaction went unnoticed')
        except redis.ResponseError as error:
            assert 'WRONGTYPE' in str(error)
    assert r.get('m') == '1'


def watched():
    r = connect()
    r.set('balance', 0)

    def deposit():
        mine = connect()
        for _ in range(50):
            mine.transaction(lambda p: (int(p.get('balance')), p.multi(),
                                        p.incr('balance'))[0], 'balance')
    threads = [threading.Thread(target=deposit) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert int(r.get('balance')) == 200


def locks():
    r = connect()
    lock = r.lock('lock', timeout=10)
    assert lock.acquire(blocking=False)
    assert not r.lock('lock', timeout=10).acquire(blocking=False)
    lock.extend(10)
    lock.release()
    assert r.exists('lock') == 0


def scripts():
    r = connect()
    script = r.register_script('return {KEYS[1], ARGV[1]}')
    assert script(keys=['a'], args=['b']) == ['a', 'b']
    r.script_flush()
    assert script(keys=['a'], args=['c']) == ['a', 'c']


def messages():
    r = connect()
    p = r.pubsub()
    p.subscribe('news')
    p.psubscribe('sport*')
    assert p.get_message(timeout=5)['type'] == 'subscribe'
    assert p.get_message(timeout=5)['type'] == 'psubscribe'
    assert r.publish('news', 'one') == 1 and r.publish('sport:1', 'two') == 1
    assert p.get_message(timeout=5)['data'] == 'one'
    assert p.get_message(timeout=5)['data'] == 'two'
    p.ping()
    assert p.get_message(timeout=5)['type'] == 'pong'
    p.unsubscribe()
    assert p.get_message(timeout=5)['type'] == 'unsubscribe'
    p.close()


def blocking():
    r = connect()
    threading.Thread(target=lambda: connect().rpush('queue', 'job')).start()
    assert r.blpop('queue', timeout=10) == ('queue', 'job')
    assert r.blpop('queue', timeout=0.01) is None


def monitor():
    r = connect()
    with r.monitor() as m:
        r.get('seen')
        assert any('seen' in m.next_command()['command'] for _ in range(10))


for step in (commands, pipelines, watched, locks, scripts, messages, blocking, monitor):
    connect().flushall()
    step()
    print(step.__name__, 'works')
