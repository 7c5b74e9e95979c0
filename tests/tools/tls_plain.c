/* tests/tools/tls_plain.c: prints what TLS connections of a capture carried, to be compared with another decoder.
 *
 *   tls_plain CAPTURE KEYS     KEYS: a file or a folder, as of --keys, or - for none
 *
 * One line for each piece: "address port address port out|in HEX". */
#include <stdio.h>
#include <string.h>

#include "capture/decode.h"
#include "capture/source.h"
#include "dissect/tls_internal.h"
#include "records/store.h"

static void print_piece(void *context, const struct flow *flow, enum direction direction, struct cursor bytes)
{
    (void)context;
    char address[2][ADDRESS_TEXT_MAX];
    address_print(&flow->address[0], address[0]);
    address_print(&flow->address[1], address[1]);
    printf("%s %u %s %u %s ", address[0], flow->port[0], address[1], flow->port[1],
           direction == DIRECTION_OUT ? "out" : "in");
    for (size_t i = 0; i < bytes.left; i++)
        printf("%02x", bytes.at[i]);
    putchar('\n');
}

static bool read_all(const char *path, struct dissect *dissect, struct error *error)
{
    struct flow_events events = dissect_events(dissect);
    struct tracker_limits limits = tracker_limits_default();
    struct tracker *tracker = tracker_new(&limits, &events);
    struct decoder *decoder = decoder_new();
    struct source *source = NULL;
    struct packet packet;
    struct segment segment;
    size_t taken = 0;
    bool good = tracker != NULL && decoder != NULL && source_open(path, NULL, &source, error) == OUTCOME_OK;
    for (int64_t number = 1; good && source_next(source, number, &packet, error) == OUTCOME_OK; number++) {
        struct text secrets = source_secrets(source);
        dissect_take_secrets(dissect, (struct text){secrets.at + taken, secrets.length - taken});
        taken = secrets.length;
        if (decoded_has_flow(decoder_packet(decoder, &packet, &segment)))
            tracker_segment(tracker, &segment, packet.moment);
    }
    if (tracker != NULL)
        tracker_finish(tracker);
    tracker_free(tracker);
    decoder_free(decoder);
    if (source != NULL)
        source_close(source);
    return good;
}

int main(int argc, char **argv)
{
    struct error error = {0};
    struct store *store = store_new();
    struct sink sink = store_sink(store);
    struct dissect *dissect = dissect_new(&sink, NEED_NOTHING);
    if (argc != 3 || store == NULL || dissect == NULL)
        return 2;
    dissect->tls->tap.data = print_piece;
    bool good = strcmp(argv[2], "-") == 0 || dissect_load_keys(dissect, argv[2], &error) == OUTCOME_OK;
    good = good && read_all(argv[1], dissect, &error);
    if (!good)
        fprintf(stderr, "tls_plain: %s\n", error.text);
    dissect_free(dissect);
    store_free(store);
    return good ? 0 : 1;
}
