/* HTTP Basic credentials. */
#ifndef SEGMO_SANDBOX_AUTH_H
#define SEGMO_SANDBOX_AUTH_H

#define SANDBOX_CREDENTIAL_MAX 512

typedef struct sandbox_credentials {
    char user[SANDBOX_CREDENTIAL_MAX];
    char password[SANDBOX_CREDENTIAL_MAX];
    int has_colon;
} sandbox_credentials;

/* Takes a header `Basic ...` apart; 0 when it is absent, of another scheme or not base64. */
int sandbox_basic_read(sandbox_credentials *out, const char *header);

#endif
