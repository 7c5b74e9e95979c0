/* dissect/configmgr/body.h: the fields of a document: what stands in it, what it is, and what its values mean.
 *
 * body.def names what is known; what is not known is listed all the same, with its place in the tree.
 */
#ifndef CMSCOPE_DISSECT_CONFIGMGR_BODY_H
#define CMSCOPE_DISSECT_CONFIGMGR_BODY_H

#include "dissect/configmgr/message.h"

#define CCM_FIELDS_MAX 4096      /* of one message or list: a discovery report has some 100, a full inventory more */
#define CCM_FIELD_VALUE_MAX 1024 /* bytes of a value that are kept */
#define CCM_FIELD_BLOB_SHOWN 32  /* digits of a hex blob that are kept */
#define CCM_FIELD_DEPTH_MAX 96   /* XML inside XML included */
#define CCM_FIELD_NESTED_MAX 64  /* documents inside of texts that are opened, in one message */
#define CCM_FIELD_NESTED_BYTES 65536 /* each of them */
#define CCM_FIELD_STREAMS_MAX 8      /* compressed documents that are opened, in one message: each may be large */
#define CCM_FIELD_CLASSES_MAX 32     /* classes of an inventory that are counted by name */

/* How a value is read. The names in body.def. */
enum ccm_field_kind {
    CCM_FIELD_GROUP, /* holds others */
    CCM_FIELD_LIST,  /* holds others, which are counted */
    CCM_FIELD_TEXT,
    CCM_FIELD_NUMBER,
    CCM_FIELD_SIZE, /* bytes */
    CCM_FIELD_BOOL,
    CCM_FIELD_TIME,     /* ISO 8601, or CIM as some senders write it */
    CCM_FIELD_CIM_TIME, /* yyyymmddHHMMSS.ffffff+UUU, UUU minutes */
    CCM_FIELD_GUID,
    CCM_FIELD_ENUM,
    CCM_FIELD_FLAGS,        /* a sum of bits, decimal */
    CCM_FIELD_STATE,        /* state id, whose meaning depends on the topic beside it */
    CCM_FIELD_PROPERTY,     /* an element with a name and a value */
    CCM_FIELD_XML,          /* a document written as text */
    CCM_FIELD_HEX,          /* bytes in hex digits */
    CCM_FIELD_BASE64,       /* a document in base64 */
    CCM_FIELD_CERTIFICATE,  /* DER in hex digits */
    CCM_FIELD_SECRET,       /* never shown */
    CCM_FIELD_POLICY_VALUE, /* a value of a policy; not shown when it is a secret */
};

const char *ccm_field_kind_name(enum ccm_field_kind kind);

struct ccm_field {
    const char *part; /* "header", "body", "attachment 1" ... */
    size_t parent;    /* number of the field that holds it, counted from 1; 0: none */
    unsigned depth;   /* 0: the root of its document */
    enum ccm_field_kind kind;
    struct text path, name;
    struct text value;     /* as sent, perhaps cut; TEXT_NULL: none, or hidden */
    size_t bytes;          /* length of the whole value */
    const char *about;     /* what the field is; NULL when it is not known */
    struct text meaning;   /* what its value means; TEXT_NULL when there is nothing to say */
    const char *certainty; /* "known", "likely", "uncertain"; "unknown": the field is not in body.def */
};

struct ccm_fields {
    struct ccm_field *items; /* in the decoder's arena */
    size_t count, room;
    size_t nested;  /* documents inside texts that were opened */
    size_t streams; /* of those: compressed ones */
    bool cut;       /* there were more than CCM_FIELDS_MAX, or memory ended */
};

/* Appends the fields of a document in document order. Documents inside texts are opened and linked into the tree, so it
 * may grow. `part` must live as long as the fields. */
void ccm_body_fields(struct ccm_decoder *decoder, struct xml_document *document, const char *part,
                     struct ccm_fields *fields);

/* Appends a field that stands in no XML (lines of an IDMIF file, a range, a status). */
void ccm_field_add(struct ccm_decoder *decoder, struct ccm_fields *fields, const struct ccm_field *field);

/* When there were more than fit, a last field says so. To be called once, behind everything. */
void ccm_fields_close(struct ccm_fields *fields);

/* The fields of a whole message that was decoded with NEED_FIELD: header, body, attachments. */
void ccm_message_fields(struct ccm_decoder *decoder, struct ccm_message *message, struct ccm_fields *fields);

/* The name of a value of the attribute `AgentType` or `PolicyFlags`; TEXT_NULL when it has none. */
struct text ccm_value_name(const char *attribute, struct text value, struct arena *arena);

/* What a document with that root is; NULL when it is not known. */
const char *ccm_body_about(struct text root);

#endif
