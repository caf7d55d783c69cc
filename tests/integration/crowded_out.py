"""A redis-py client for whom there is no room: argument 1 is the socket's path.

Ends with status 0 when it raises ConnectionError, 77 when redis-py is not installed.
"""
import sys

try:
    import redis
except ImportError:
    sys.exit(77)

try:
    redis.Redis(unix_socket_path=sys.argv[1]).ping()
except redis.ConnectionError: # its text depends on whether the daemon or the client was first
    sys.exit(0)
sys.exit('no error')
