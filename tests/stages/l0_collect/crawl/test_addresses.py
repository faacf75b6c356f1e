import socket

import pytest

from stages.l0_collect.crawl.addresses import ForbiddenAddress, Guard, embedded

FORBIDDEN = [
    "127.0.0.1",
    "127.1.2.3",
    "0.0.0.0",
    "10.0.0.1",
    "10.255.255.255",
    "172.16.0.1",
    "172.31.255.254",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "192.0.0.1",
    "192.0.2.1",
    "198.18.0.1",
    "198.51.100.7",
    "203.0.113.9",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "::1",
    "::",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:169.254.169.254",
    "::127.0.0.1",
    "::10.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b::a00:1",
    "64:ff9b:1::a00:1",
    "2002:7f00:1::",
    "2002:c0a8:101::1",
    "2001:0:4136:e378:8000:63bf:f5ff:fffe",
    "fe80::1",
    "fe80::1%eth0",
    "fc00::1",
    "fd12:3456::1",
    "ff02::1",
    "ff0e::1",
    "2001:db8::1",
    "100::1",
]


@pytest.mark.parametrize("address", FORBIDDEN)
def test_addresses_that_are_not_public_are_refused(address: str):
    assert "no public address" in (Guard().refusal(address, 443) or "")


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:2800:220:1::1", "64:ff9b::5db8:d822", "2002:5db8:d822::1"])
def test_public_addresses_are_taken(address: str):
    assert Guard().refusal(address, 443) is None


def test_only_the_ports_of_the_web():
    assert Guard().refusal("93.184.216.34", 22) == "port 22 is none of 80, 443"


def test_an_allowed_network_may_be_private_on_any_port_and_opens_nothing_else():
    guard = Guard(["127.0.0.0/24"])
    assert guard.refusal("127.0.0.9", 8080) is None
    assert guard.refusal("127.0.1.9", 8080)
    assert guard.refusal("::ffff:127.0.0.9", 8080)


def test_no_socket_is_made_for_a_forbidden_address():
    with pytest.raises(ForbiddenAddress, match=r"10\.0\.0\.1 is no public address"):
        Guard()((socket.AF_INET, socket.SOCK_STREAM, 6, "", ("10.0.0.1", 80)))


def test_teredo_hides_two_addresses():
    import ipaddress

    address = ipaddress.ip_address("2001:0:4136:e378:8000:63bf:3fff:fdd2")
    assert [str(one) for one in embedded(address)] == ["65.54.227.120", "192.0.2.45"]
