/* capture/link_type.h: link types as files number them (LINKTYPE_...) and as libpcap does (DLT_...). */
#ifndef CMSCOPE_CAPTURE_LINK_TYPE_H
#define CMSCOPE_CAPTURE_LINK_TYPE_H

#include "capture/input.h"

/* The DLT_... value. */
int link_type_of_file(uint32_t number);

/* libpcap's name, for example "EN10MB"; "unknown". */
const char *link_type_name(int link_type);

/* The longest packet that is no sign of damage: libpcap's limits. */
uint32_t link_type_longest(int link_type);

/* Some link headers are in the byte order of the machine that captured. Those read here (NFLOG) are made little endian
 * in the input's view, as libpcap does. */
void link_type_to_little(int link_type, struct input *input, struct cursor packet);

#endif
