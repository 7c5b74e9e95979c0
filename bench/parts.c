/* bench/parts.c: see parts.h. */
#include "bench/parts.h"

#include "bench/bytes.h"

static void write_bytes(FILE *file, struct cursor bytes)
{
    if (bytes.left > 0 && fwrite(bytes.at, 1, bytes.left, file) != bytes.left)
        die("cannot write the parts", NULL);
}

static void write_number(FILE *file, size_t value)
{
    uint32_t number = (uint32_t)value;
    write_bytes(file, cursor_of(&number, sizeof number));
}

static void write_counted(FILE *file, const struct buffer *bytes)
{
    write_number(file, bytes->length);
    write_bytes(file, buffer_cursor(bytes));
}

static void write_script(FILE *file, const struct script *script, unsigned client)
{
    write_number(file, script->compressed);
    write_counted(file, &script->payload);
    write_number(file, script->signature_count);
    for (unsigned i = 0; i < script->signature_count; i++) {
        write_number(file, client);
        write_counted(file, &script->signatures[i].covered);
        write_bytes(file, cursor_of(script->signatures[i].bytes, PARTS_SIGNATURE));
    }
}

FILE *parts_create(const char *path, const struct messages *messages)
{
    FILE *file = fopen(path, "wb");
    if (file == NULL)
        die("cannot create", path);
    write_number(file, messages->client_count);
    for (unsigned i = 0; i < messages->client_count; i++) {
        struct buffer key = buffer_unlimited();
        key_put_public(messages->clients[i].key, &key);
        write_counted(file, &key);
        buffer_free(&key);
    }
    write_number(file, messages->script_count); /* scripts were numbered in this order */
    for (unsigned i = 0; i < messages->client_count; i++) {
        const struct client *client = &messages->clients[i];
        for (unsigned j = 0; j < client->exchange_count; j++) {
            write_script(file, &client->exchanges[j].request, i);
            write_script(file, &client->exchanges[j].reply, i);
        }
    }
    return file;
}
