"""The hub: a Django project (``settings``) and its ASGI application (``asgi``)."""
