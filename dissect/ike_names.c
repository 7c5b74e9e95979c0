/* dissect/ike_names.c: see ike.h. */
#include "dissect/ike.h"

static const struct ike_name EXCHANGES[] = {
    {1, "base", false},
    {2, "main", false},
    {3, "authentication-only", false},
    {4, "aggressive", false},
    {5, "informational", false},
    {6, "transaction", false},
    {32, "quick", false},
    {33, "new-group", false},
    {34, "sa-init", false},
    {35, "auth", false},
    {36, "child-sa", false},
    {37, "informational", false},
    {38, "session-resume", false},
    {43, "intermediate", false},
    {243, "authip-main", false},
    {244, "authip-quick", false},
    {245, "authip-extended", false},
    {246, "authip-notify", false},
};

static const struct ike_name PAYLOADS1[] = {
    {1, "sa", false},
    {2, "proposal", false},
    {3, "transform", false},
    {4, "key-exchange", false},
    {5, "id", false},
    {6, "certificate", false},
    {7, "certificate-request", false},
    {8, "hash", false},
    {9, "signature", false},
    {10, "nonce", false},
    {11, "notify", false},
    {12, "delete", false},
    {13, "vendor-id", false},
    {14, "attributes", false},
    {20, "nat-d", false},
    {21, "nat-oa", false},
    {130, "nat-d-draft", false},
    {131, "nat-oa-draft", false},
    {132, "fragment", false},
};

static const struct ike_name PAYLOADS2[] = {
    {33, "sa", false},
    {34, "key-exchange", false},
    {35, "id-initiator", false},
    {36, "id-responder", false},
    {37, "certificate", false},
    {38, "certificate-request", false},
    {39, "authentication", false},
    {40, "nonce", false},
    {41, "notify", false},
    {42, "delete", false},
    {43, "vendor-id", false},
    {44, "ts-initiator", false},
    {45, "ts-responder", false},
    {46, "encrypted", false},
    {47, "configuration", false},
    {48, "eap", false},
    {53, "encrypted-fragment", false},
};

static const struct ike_name CIPHERS1[] = {
    {1, "des", true},  {2, "idea", true}, {3, "blowfish", true}, {4, "rc5", true},
    {5, "3des", true}, {6, "cast", true}, {7, "aes-cbc", false}, {8, "camellia-cbc", false},
};

static const struct ike_name HASHES1[] = {
    {1, "md5", true},     {2, "sha1", true},    {3, "tiger", true},
    {4, "sha256", false}, {5, "sha384", false}, {6, "sha512", false},
};

/* 65001 is Kerberos (GSS-API) with Windows, XAUTH with a pre-shared key with others. */
static const struct ike_name METHODS1[] = {
    {1, "psk", true},
    {2, "dss-signature", false},
    {3, "rsa-signature", false},
    {4, "rsa-encryption", false},
    {5, "rsa-encryption-revised", false},
    {9, "ecdsa-256", false},
    {10, "ecdsa-384", false},
    {11, "ecdsa-521", false},
    {64221, "hybrid-rsa", false},
    {65001, "kerberos-or-xauth-psk", false},
    {65005, "xauth-rsa", false},
};

static const struct ike_name GROUPS[] = {
    {1, "modp768", true},    {2, "modp1024", true},       {3, "ec2n-155", true},        {4, "ec2n-185", true},
    {5, "modp1536", true},   {14, "modp2048", false},     {15, "modp3072", false},      {16, "modp4096", false},
    {17, "modp6144", false}, {18, "modp8192", false},     {19, "ecp256", false},        {20, "ecp384", false},
    {21, "ecp521", false},   {22, "modp1024-s160", true}, {23, "modp2048-s224", false}, {24, "modp2048-s256", false},
    {25, "ecp192", true},    {26, "ecp224", false},       {31, "curve25519", false},    {32, "curve448", false},
};

static const struct ike_name CIPHERS2[] = {
    {1, "des-iv64", true},
    {2, "des", true},
    {3, "3des", true},
    {4, "rc5", true},
    {5, "idea", true},
    {6, "cast", true},
    {7, "blowfish", true},
    {11, "null", true},
    {12, "aes-cbc", false},
    {13, "aes-ctr", false},
    {14, "aes-ccm-8", false},
    {15, "aes-ccm-12", false},
    {16, "aes-ccm-16", false},
    {18, "aes-gcm-8", false},
    {19, "aes-gcm-12", false},
    {20, "aes-gcm-16", false},
    {21, "aes-gmac-null", true},
    {23, "camellia-cbc", false},
    {28, "chacha20-poly1305", false},
};

static const struct ike_name PRFS2[] = {
    {1, "prf-md5", true},     {2, "prf-sha1", true},    {3, "prf-tiger", true},   {4, "prf-aes-xcbc", false},
    {5, "prf-sha256", false}, {6, "prf-sha384", false}, {7, "prf-sha512", false}, {8, "prf-aes-cmac", false},
};

static const struct ike_name INTEGRITY2[] = {
    {0, "no-integrity", false}, {1, "md5-96", true},        {2, "sha1-96", true},        {3, "des-mac", true},
    {4, "kpdk-md5", true},      {5, "aes-xcbc-96", false},  {6, "md5-128", true},        {7, "sha1-160", true},
    {8, "aes-cmac-96", false},  {9, "aes-gmac-128", false}, {10, "aes-gmac-192", false}, {11, "aes-gmac-256", false},
    {12, "sha256-128", false},  {13, "sha384-192", false},  {14, "sha512-256", false},
};

static const struct ike_name NOTIFIES1[] = {
    {1, "invalid-payload-type", false},
    {4, "invalid-cookie", false},
    {7, "invalid-exchange-type", false},
    {11, "invalid-spi", false},
    {14, "no-proposal-chosen", false},
    {16, "payload-malformed", false},
    {17, "invalid-key-information", false},
    {18, "invalid-id-information", false},
    {20, "invalid-certificate", false},
    {23, "invalid-hash-information", false},
    {24, "authentication-failed", false},
    {25, "invalid-signature", false},
    {29, "unequal-payload-lengths", false},
    {16384, "connected", false},
    {24576, "responder-lifetime", false},
    {24577, "replay-status", false},
    {24578, "initial-contact", false},
    {36136, "dpd-are-you-there", false},
    {36137, "dpd-ack", false},
};

static const struct ike_name NOTIFIES2[] = {
    {1, "unsupported-critical-payload", false},
    {4, "invalid-ike-spi", false},
    {5, "invalid-major-version", false},
    {7, "invalid-syntax", false},
    {9, "invalid-message-id", false},
    {11, "invalid-spi", false},
    {14, "no-proposal-chosen", false},
    {17, "invalid-ke-payload", false},
    {24, "authentication-failed", false},
    {34, "single-pair-required", false},
    {35, "no-additional-sas", false},
    {38, "ts-unacceptable", false},
    {39, "invalid-selectors", false},
    {43, "temporary-failure", false},
    {44, "child-sa-not-found", false},
    {16384, "initial-contact", false},
    {16385, "set-window-size", false},
    {16386, "additional-ts-possible", false},
    {16387, "ipcomp-supported", false},
    {16388, "nat-detection-source-ip", false},
    {16389, "nat-detection-destination-ip", false},
    {16390, "cookie", false},
    {16391, "use-transport-mode", false},
    {16392, "http-cert-lookup-supported", false},
    {16393, "rekey-sa", false},
    {16394, "esp-tfc-padding-not-supported", false},
    {16396, "mobike-supported", false},
    {16404, "multiple-auth-supported", false},
    {16406, "redirect-supported", false},
    {16417, "eap-only-authentication", false},
    {16418, "childless-ikev2-supported", false},
    {16430, "fragmentation-supported", false},
    {16431, "signature-hash-algorithms", false},
};

#define NAMES(table)                                                                                                   \
    {                                                                                                                  \
        table, sizeof(table) / sizeof(table)[0]                                                                        \
    }
static const struct {
    const struct ike_name *names;
    size_t count;
} TABLES[IKE_NAMES_COUNT] = {
    [IKE_EXCHANGES] = NAMES(EXCHANGES),   [IKE1_PAYLOADS] = NAMES(PAYLOADS1), [IKE2_PAYLOADS] = NAMES(PAYLOADS2),
    [IKE1_CIPHERS] = NAMES(CIPHERS1),     [IKE1_HASHES] = NAMES(HASHES1),     [IKE1_METHODS] = NAMES(METHODS1),
    [IKE_GROUPS] = NAMES(GROUPS),         [IKE2_CIPHERS] = NAMES(CIPHERS2),   [IKE2_PRFS] = NAMES(PRFS2),
    [IKE2_INTEGRITY] = NAMES(INTEGRITY2), [IKE1_NOTIFIES] = NAMES(NOTIFIES1), [IKE2_NOTIFIES] = NAMES(NOTIFIES2),
};

const struct ike_name *ike_name(enum ike_names names, uint32_t number)
{
    for (size_t i = 0; i < TABLES[names].count; i++) {
        if (TABLES[names].names[i].number == number)
            return &TABLES[names].names[i];
    }
    return NULL;
}

/* Vendor ids are the MD5 of a text, cut or followed by more. RFC 3706, RFC 3947, MS-IKEE section 1.7; the texts are told
 * by Wireshark, strongSwan and others alike. */
#define WINDOWS "\x1e\x2b\x51\x69\x05\x99\x1c\x7d\x7c\x96\xfc\xbf\xb5\x87\xe4\x61"
static const struct {
    const char *bytes;
    uint8_t length;
    const char *name;
} VENDORS[] = {
    {WINDOWS, 16, "windows"},
    {"\x40\x48\xb7\xd5\x6e\xbc\xe8\x85\x25\xe7\xde\x7f\x00\xd6\xc2\xd3", 16, "fragmentation"},
    {"\x26\x24\x4d\x38\xed\xdb\x61\xb3\x17\x2a\x36\xe3\xd0\xcf\xb8\x19", 16, "initial-contact"},
    {"\xfb\x1d\xe3\xcd\xf3\x41\xb7\xea\x16\xb7\xe5\xbe\x08\x55\xf1\x20", 16, "negotiation-discovery"},
    {"\xe3\xa5\x96\x6a\x76\x37\x9f\xe7\x07\x22\x82\x31\xe5\xce\x86\x52", 16, "ike-cga"},
    {"\x21\x4c\xa4\xfa\xff\xa7\xf3\x2d\x67\x48\xe5\x30\x33\x95\xae\x83", 16, "authip"},
    {"\x72\x87\x2b\x95\xfc\xda\x2e\xb7\x08\xef\xe3\x22\x11\x9b\x49\x71", 16, "nlbs-present"},
    {"\x4a\x13\x1c\x81\x07\x03\x58\x45\x5c\x57\x28\xf2\x0e\x95\x45\x2f", 16, "nat-t-rfc3947"},
    {"\x90\xcb\x80\x91\x3e\xbb\x69\x6e\x08\x63\x81\xb5\xec\x42\x7b\x1f", 16, "nat-t-draft-02n"},
    {"\xcd\x60\x46\x43\x35\xdf\x21\xf8\x7c\xfd\xb2\xfc\x68\xb6\xa4\x48", 16, "nat-t-draft-02"},
    {"\x7d\x94\x19\xa6\x53\x10\xca\x6f\x2c\x17\x9d\x92\x15\x52\x9d\x56", 16, "nat-t-draft-03"},
    {"\x44\x85\x15\x2d\x18\xb6\xbb\xcd\x0b\xe8\xa8\x46\x95\x79\xdd\xcc", 16, "nat-t-draft-00"},
    {"\xaf\xca\xd7\x13\x68\xa1\xf1\xc9\x6b\x86\x96\xfc\x77\x57", 14, "dead-peer-detection"},
    {"\x12\xf5\xf2\x8c\x45\x71\x68\xa9\x70\x2d\x9f\xe2\x74\xcc", 14, "cisco-unity"},
    {"\x09\x00\x26\x89\xdf\xd6\xb7\x12", 8, "xauth"},
    {"\x88\x2f\xe5\x6d\x6f\xd2\x0d\xbc\x22\x51\x61\x3b\x2e\xbe\x5b\xeb", 16, "strongswan"},
};

const char *ike_vendor(struct cursor id)
{
    for (size_t i = 0; i < sizeof VENDORS / sizeof VENDORS[0]; i++) {
        if (cursor_starts(id, VENDORS[i].bytes, VENDORS[i].length))
            return VENDORS[i].name;
    }
    return NULL;
}

const char *ike_windows(struct cursor id)
{
    static const char *const releases[] = {
        [2] = "2000",        [3] = "XP", [4] = "Server 2003",    [5] = "Vista",
        [6] = "Server 2008", [7] = "7",  [8] = "Server 2008 R2", [9] = "8 or Server 2012, or later"};
    uint32_t version;
    if (!cursor_starts(id, WINDOWS, 16) || !cursor_skip(&id, 16) || !cursor_be32(&id, &version) ||
        version >= sizeof releases / sizeof releases[0])
        return NULL;
    return releases[version];
}
