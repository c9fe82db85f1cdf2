"""The proxies beside ours, and the services that stand behind all of them."""
