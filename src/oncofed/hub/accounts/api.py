"""Programs that act for a person: how they come by a token (``hub.authentication`` recognises it).

**Personal access token.** Made on the person's page or by ``oncofed hub person token``; sent as
``Authorization: Bearer oncofed_…``. Lives up to a year; scopes ``search`` and ``saved``.

**Device code** (RFC 8628, by allauth's OpenID provider; the public client is ``oncofed-cli``). What `oncofed login`
does, form encoded, every reply JSON:

1. ``POST /identity/o/api/device/code`` with ``client_id=oncofed-cli&scope=search saved`` →
   ``{"device_code", "user_code", "verification_uri", "verification_uri_complete", "expires_in": 600, "interval": 2,
   "scope"}``.
2. Show ``user_code`` and the address; the person opens ``verification_uri_complete`` (or ``/device`` and types the
   code), signs in and confirms.
3. Every ``interval`` seconds ``POST /identity/o/api/token`` with
   ``grant_type=urn:ietf:params:oauth:grant-type:device_code&client_id=oncofed-cli&device_code=…`` →
   200 ``{"access_token", "refresh_token", "token_type": "Bearer", "expires_in": 3600, "scope"}``, or 400 ``{"error"}``
   with ``authorization_pending`` (go on), ``slow_down`` (wait longer), ``access_denied`` (the person said no) or
   ``invalid_grant`` (too late).
4. The access token lives an hour; ``POST /identity/o/api/token`` with
   ``grant_type=refresh_token&client_id=oncofed-cli&refresh_token=…`` → a new pair; the old refresh
   token ends, the new one lives 90 days.
5. Sign out: ``POST /identity/o/api/revoke`` with ``client_id=oncofed-cli&token=…``.

``GET /.well-known/openid-configuration`` names the addresses.
"""
