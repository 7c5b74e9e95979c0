/* wireshark-plugin/compat.h: what differs between the versions of Wireshark that the plugin is built for: 4.0, 4.4, 4.6. */
#ifndef CMSCOPE_PLUGIN_COMPAT_H
#define CMSCOPE_PLUGIN_COMPAT_H

#include <epan/packet.h>
#include <epan/proto.h>

#define WIRESHARK_AT_LEAST(major, minor)                                                                               \
    (WIRESHARK_MAJOR > (major) || (WIRESHARK_MAJOR == (major) && WIRESHARK_MINOR >= (minor)))

/* 4.2: plugins say what they bring. */
#if WIRESHARK_AT_LEAST(4, 2)
#include <wsutil/plugins.h>
#define PLUGIN_DESCRIBE                                                                                                \
    EXPORT uint32_t plugin_describe(void);                                                                             \
    uint32_t plugin_describe(void)                                                                                     \
    {                                                                                                                  \
        return WS_PLUGIN_DESC_DISSECTOR | WS_PLUGIN_DESC_TAP_LISTENER;                                                 \
    }
#else
#define PLUGIN_DESCRIBE
#endif

#endif
