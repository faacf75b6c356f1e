from stages.l0_collect.crawl.frontier import Frontier, Job
from stages.l0_collect.crawl.robots import Robots


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def frontier(per_address: int = 2) -> tuple[Frontier, Clock]:
    clock = Clock()
    return Frontier(per_address, clock), clock


def test_robots_come_first_and_pages_wait_for_them():
    queue, clock = frontier()
    queue.add(Job("https://a.example/1"))
    host, job = queue.take() or (None, None)
    assert job
    assert host
    assert job.kind == "robots"
    assert queue.take() is None
    queue.release(host, 1.0)
    clock.now += 2
    assert queue.take() is None
    host.robots = Robots()
    queue.wake(host)
    assert (queue.take() or (None, job))[1].url == "https://a.example/1"


def test_a_host_is_asked_once_at_a_time_and_after_its_delay():
    queue, clock = frontier()
    host = queue.host("https://a.example/")
    host.files.clear()
    host.robots = Robots()
    queue.add(Job("https://a.example/1"))
    queue.add(Job("https://a.example/2"))
    assert queue.take()
    assert queue.take() is None
    queue.release(host, 1.5)
    clock.now += 1.4
    assert queue.take() is None
    assert queue.next_time() == 101.5
    clock.now += 0.2
    assert queue.take()


def test_hosts_of_one_address_share_its_places():
    queue, _ = frontier(per_address=1)
    for name in "ab":
        host = queue.host(f"https://{name}.example/")
        host.files.clear()
        host.robots, host.address = Robots(), "192.0.2.1"
        queue.add(Job(f"https://{name}.example/1"))
    first = queue.take()
    assert first
    assert queue.take() is None
    queue.release(first[0], 5.0)
    second = queue.take()
    assert second
    assert second[0] is not first[0]


def test_a_url_is_new_once():
    queue, _ = frontier()
    assert queue.remember("https://a.example/")
    assert not queue.remember("https://a.example/")
    assert queue.is_known("https://a.example/")
