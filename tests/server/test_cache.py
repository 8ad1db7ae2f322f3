from __future__ import annotations

from rendicom.server.cache import ByteCache


def test_keeps_what_was_used_last():
    cache = ByteCache(80)
    for name in "abcdefgh":
        cache.put(name, name.upper(), 10)
    assert cache.get("a") == "A"
    cache.put("i", "I", 10)
    assert cache.get("b") is None, "the one used longest ago"
    assert cache.get("a") == "A"
    assert (len(cache), cache.size) == (8, 80)


def test_frees_as_many_as_it_must():
    cache = ByteCache(80)
    for name in "abcdefgh":
        cache.put(name, name, 9)
    cache.put("i", "i", 10)
    cache.put("j", "j", 10)
    assert cache.size <= 80
    assert [cache.get(name) for name in "abcj"] == [None, None, "c", "j"]


def test_does_not_keep_what_would_drive_out_the_others():
    cache = ByteCache(80)
    cache.put("a", "A", 10)
    cache.put("large", "L", 11)
    assert cache.get("large") is None
    assert cache.get("a") == "A"


def test_what_is_too_large_now_replaces_what_was_small():
    cache = ByteCache(80)
    cache.put("a", "old", 10)
    cache.put("a", "new", 11)
    assert cache.get("a") is None
    assert cache.size == 0


def test_replacing_counts_once():
    cache = ByteCache(80)
    cache.put("a", "old", 10)
    cache.put("a", "new", 4)
    assert (cache.get("a"), cache.size, len(cache)) == ("new", 4, 1)


def test_no_room_keeps_nothing():
    cache = ByteCache(0)
    cache.put("a", "A", 1)
    assert cache.get("a") is None


def test_counts_what_was_found():
    cache = ByteCache(80)
    cache.put("a", "A", 1)
    cache.get("a")
    cache.get("b")
    cache.get("b")
    assert (cache.hits, cache.misses) == (1, 2)
    cache.forget("a")
    cache.forget("a")
    assert cache.size == 0
