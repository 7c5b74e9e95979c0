/* capture/wireless.h: IEEE 802.11, and what capturing programs put before it. Used by link.c. */
#ifndef CMSCOPE_CAPTURE_WIRELESS_H
#define CMSCOPE_CAPTURE_WIRELESS_H

#include "capture/link.h"

/* Each takes its header off walk->frame and sets walk->next. */
MUST_USE enum outcome wireless_wlan(struct walk *walk);
MUST_USE enum outcome wireless_radiotap(struct walk *walk);
MUST_USE enum outcome wireless_prism(struct walk *walk);
MUST_USE enum outcome wireless_avs(struct walk *walk);

#endif
