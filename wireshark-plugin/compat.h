/* wireshark-plugin/compat.h: what differs between the versions of Wireshark that the plugin is built for: 4.0, 4.4, 4.6.
 *
 * A plugin belongs to one minor version: that of the headers it was built with.
 */
#ifndef CMSCOPE_PLUGIN_COMPAT_H
#define CMSCOPE_PLUGIN_COMPAT_H

#include <epan/dissectors/packet-http.h>
#include <epan/packet.h>
#include <epan/proto.h>
#include <ws_version.h>

#define WIRESHARK_AT_LEAST(major, minor)                                                                               \
    (WIRESHARK_VERSION_MAJOR > (major) || (WIRESHARK_VERSION_MAJOR == (major) && WIRESHARK_VERSION_MINOR >= (minor)))

#if !WIRESHARK_AT_LEAST(4, 0)
#error "Wireshark 4.0 or later is needed (Debian: wireshark-dev, libwireshark-dev)"
#endif

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

/* 4.2: dissectors of media types get media_content_info_t; before, they got http_message_info_t. */
#if WIRESHARK_AT_LEAST(4, 2)
#include <epan/dissectors/packet-media-type.h>
typedef media_content_info_t media_info;
#define MEDIA_IS_REPLY(info) ((info)->type == MEDIA_CONTAINER_HTTP_RESPONSE)
#define MEDIA_IS_HTTP(info) (MEDIA_IS_REPLY(info) || (info)->type == MEDIA_CONTAINER_HTTP_REQUEST)
#else
typedef http_message_info_t media_info;
#define MEDIA_IS_REPLY(info) ((info)->type == HTTP_RESPONSE)
#define MEDIA_IS_HTTP(info) (MEDIA_IS_REPLY(info) || (info)->type == HTTP_REQUEST)
#endif

/* 4.4: what the last request of a connection asked for stands in the last of its exchanges. */
#if WIRESHARK_AT_LEAST(4, 4)
#define LAST_URI(connection) ((connection)->req_res_tail == NULL ? NULL : (connection)->req_res_tail->request_uri)
#else
#define LAST_URI(connection) ((connection)->request_uri)
#endif

/* Functions that not all versions have are weak: without them the plugin can still be opened, to be refused for its
 * version. */

/* 4.2: who registers a stream to follow also says how to count streams. */
#if WIRESHARK_AT_LEAST(4, 2)
#pragma weak get_follow_stream_count_func
#pragma weak get_follow_sub_stream_id_func
#define FOLLOW_AS(other, protocol, tap, handler)                                                                       \
    register_follow_stream(protocol, tap, get_follow_conv_func(other), get_follow_index_func(other),                   \
                           get_follow_address_func(other), get_follow_port_to_display(other), handler,                 \
                           get_follow_stream_count_func(other), get_follow_sub_stream_id_func(other))
#else
#define FOLLOW_AS(other, protocol, tap, handler)                                                                       \
    register_follow_stream(protocol, tap, get_follow_conv_func(other), get_follow_index_func(other),                   \
                           get_follow_address_func(other), get_follow_port_to_display(other), handler)
#endif

/* 4.4: bool in place of gboolean in preferences and callbacks. */
#if WIRESHARK_AT_LEAST(4, 4)
typedef bool ws_bool;
#else
typedef gboolean ws_bool;
#endif

/* 4.2: the parts of a path of menus are separated by two strokes. */
#if WIRESHARK_AT_LEAST(4, 2)
#define MENU_SEPARATOR "//"
#else
#define MENU_SEPARATOR "/"
#endif

/* 4.6: dissector_try_string_with_data; dissector_try_string is deprecated. */
#if WIRESHARK_AT_LEAST(4, 6)
#pragma weak dissector_try_string_with_data
#define TRY_STRING(table, string, tvb, pinfo, tree)                                                                    \
    dissector_try_string_with_data(table, string, tvb, pinfo, tree, true, NULL)
#else
#pragma weak dissector_try_string
#define TRY_STRING(table, string, tvb, pinfo, tree) dissector_try_string(table, string, tvb, pinfo, tree, NULL)
#endif

#endif
