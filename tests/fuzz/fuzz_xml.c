/* tests/fuzz/fuzz_xml.c: any bytes as XML. What the scanner takes for plain, libxml2 must read alike. */
#include <stdlib.h>

#include "tests/unit/xml_same.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena;
    arena_init(&arena, (size_t)64 << 20);
    xml_setup();
    struct text text = text_trim(text_from(cursor_of(data, size)));
    bool plain;
    if (!xml_same(text, &arena, &plain))
        abort();
    struct xml_document document;
    if (xml_parse(text, &arena, &document, NULL) != OUTCOME_OK && plain)
        abort();
    arena_free(&arena);
    return 0;
}
