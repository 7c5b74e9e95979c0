/* bench/smb.c: see smb.h. The layouts are those of MS-SMB2 2.2; what nobody reads is left zero. */
#include "bench/smb.h"

#include <stdio.h>
#include <string.h>

#include "bench/bytes.h"

#define DIALECT_302 0x0302
#define HEADER_BYTES 64
#define READ_REQUEST_BYTES 49
#define FILE_ID 7

enum command { NEGOTIATE = 0, SESSION_SETUP = 1, TREE_CONNECT = 3, CREATE = 5, CLOSE = 6, READ = 8, WRITE = 9 };

struct session {
    struct conversation *conversation;
    uint64_t message_id;
};

/* A turn: NetBIOS session header, SMB2 header, body, and after them the data. A reply ends the exchange. */
static void put_message(struct session *session, enum side sender, enum command command, const struct buffer *body,
                        struct cursor data)
{
    struct buffer message = buffer_unlimited();
    put_be(&message, HEADER_BYTES + body->length + data.left, 4);
    put(&message, "\xfeSMB", 4);
    put_le(&message, HEADER_BYTES, 2);
    put_le(&message, 1, 2); /* credit charge */
    put_le(&message, 0, 4); /* status */
    put_le(&message, command, 2);
    put_le(&message, 31, 2); /* credits */
    put_le(&message, sender == SERVER ? 1 : 0, 4);
    put_le(&message, 0, 4); /* next command */
    put_le(&message, session->message_id, 8);
    put_le(&message, 0xfeff, 4);                         /* process */
    put_le(&message, command > TREE_CONNECT ? 5 : 0, 4); /* tree */
    put_le(&message, command > NEGOTIATE ? 0x41 : 0, 8); /* session */
    put_zeros(&message, 16);                             /* signature */
    put(&message, body->bytes, body->length);
    struct turn *turn = conversation_turn(session->conversation, sender);
    turn_own(turn, &message);
    if (data.left > 0)
        turn_piece(turn, data.at, data.left);
    if (sender == SERVER)
        session->message_id++;
}

/* The fixed part of a body: `size` as MS-SMB2 counts it, and zeros, up to `length`. */
static struct buffer body_new(unsigned size, size_t length)
{
    struct buffer body = buffer_unlimited();
    put_le(&body, size, 2);
    put_zeros(&body, length - 2);
    return body;
}

static void set_le(struct buffer *body, size_t at, uint64_t value, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++)
        body->bytes[at + i] = (uint8_t)(value >> 8 * i);
}

static void send(struct session *session, enum side sender, enum command command, struct buffer body,
                 struct cursor data)
{
    put_message(session, sender, command, &body, data);
    buffer_free(&body);
}

static void set_up(struct session *session)
{
    struct buffer body = body_new(36, 36);
    set_le(&body, 2, 1, 2); /* dialects */
    set_le(&body, 4, 1, 2); /* signing enabled */
    put_le(&body, DIALECT_302, 2);
    send(session, CLIENT, NEGOTIATE, body, CURSOR_EMPTY);
    body = body_new(65, 64);
    set_le(&body, 2, 1, 2);
    set_le(&body, 4, DIALECT_302, 2);
    set_le(&body, 28, 1 << 20, 4);
    set_le(&body, 32, 1 << 20, 4);
    set_le(&body, 36, 1 << 20, 4);
    set_le(&body, 56, 128, 2);
    send(session, SERVER, NEGOTIATE, body, CURSOR_EMPTY);

    body = body_new(25, 24);
    set_le(&body, 3, 1, 1);
    set_le(&body, 12, 88, 2);
    set_le(&body, 14, 32, 2);
    put(&body, "NTLMSSP\0\1\0\0\0", 12); /* MS-NLMP 2.2.1.1 */
    put_zeros(&body, 20);                /* flags, no domain, no workstation */
    send(session, CLIENT, SESSION_SETUP, body, CURSOR_EMPTY);
    body = body_new(9, 8);
    set_le(&body, 4, 72, 2);
    send(session, SERVER, SESSION_SETUP, body, CURSOR_EMPTY);
}

static void put_name(struct buffer *body, size_t length_at, const char *name)
{
    put_utf16(body, cursor_of(name, strlen(name)));
    set_le(body, length_at - 2, HEADER_BYTES + body->length - 2 * strlen(name), 2);
    set_le(body, length_at, 2 * strlen(name), 2);
}

static void open_file(struct session *session, struct dice *dice)
{
    char name[64];
    struct buffer body = body_new(9, 8);
    put_name(&body, 6, "\\\\site02.corp.contoso.test\\SMS_SITE");
    send(session, CLIENT, TREE_CONNECT, body, CURSOR_EMPTY);
    body = body_new(16, 16);
    set_le(&body, 2, 1, 1); /* disk */
    set_le(&body, 12, 0x1f01ff, 4);
    send(session, SERVER, TREE_CONNECT, body, CURSOR_EMPTY);

    snprintf(name, sizeof name, "inboxes\\despoolr.box\\receive\\ds_%05x.PCK", dice_below(dice, 0x100000));
    body = body_new(57, 56);
    set_le(&body, 24, 0x12019f, 4); /* read and write */
    set_le(&body, 36, 5, 4);        /* overwrite, or create */
    put_name(&body, 46, name);
    send(session, CLIENT, CREATE, body, CURSOR_EMPTY);
    body = body_new(89, 88);
    set_le(&body, 64, FILE_ID, 8);
    set_le(&body, 72, FILE_ID, 8);
    send(session, SERVER, CREATE, body, CURSOR_EMPTY);
}

static void write_block(struct session *session, uint64_t offset, struct cursor data)
{
    struct buffer body = body_new(49, 48);
    set_le(&body, 2, HEADER_BYTES + 48, 2);
    set_le(&body, 4, data.left, 4);
    set_le(&body, 8, offset, 8);
    set_le(&body, 16, FILE_ID, 8);
    set_le(&body, 24, FILE_ID, 8);
    send(session, CLIENT, WRITE, body, data);
    body = body_new(17, 16);
    set_le(&body, 4, data.left, 4);
    send(session, SERVER, WRITE, body, CURSOR_EMPTY);
}

static void read_block(struct session *session, uint64_t offset, struct cursor data)
{
    struct buffer body = body_new(49, READ_REQUEST_BYTES);
    set_le(&body, 4, data.left, 4);
    set_le(&body, 8, offset, 8);
    set_le(&body, 16, FILE_ID, 8);
    set_le(&body, 24, FILE_ID, 8);
    send(session, CLIENT, READ, body, CURSOR_EMPTY);
    body = body_new(17, 16);
    set_le(&body, 2, HEADER_BYTES + 16, 1);
    set_le(&body, 4, data.left, 4);
    send(session, SERVER, READ, body, data);
}

void smb_fill(struct conversation *conversation, struct dice *dice, bool writes, unsigned count, struct cursor noise)
{
    struct session session = {.conversation = conversation};
    set_up(&session);
    open_file(&session, dice);
    for (unsigned i = 0; i < count; i++) {
        if (writes)
            write_block(&session, (uint64_t)i * noise.left, noise);
        else
            read_block(&session, (uint64_t)i * noise.left, noise);
    }
    struct buffer body = body_new(24, 24);
    set_le(&body, 8, FILE_ID, 8);
    set_le(&body, 16, FILE_ID, 8);
    send(&session, CLIENT, CLOSE, body, CURSOR_EMPTY);
    send(&session, SERVER, CLOSE, body_new(60, 60), CURSOR_EMPTY);
}
