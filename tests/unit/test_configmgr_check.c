/* tests/unit/test_configmgr_check.c: each check of schema.md 8 fires on a message that breaks it, and on no other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/decoder_fixture.h"

enum { REPLY = 1, TLS = 2, UNSIGNED = 4, PLAIN = 8 }; /* how a message travels */

/* One message, and whether the check `code` finds something in it. Signed by the test key unless UNSIGNED. */
struct expectation {
    const char *code;
    const char *level; /* NULL: nothing is found */
    unsigned how;
    const char *endpoint; /* of a reply: that of its request */
    const char *body;
    const char *children; /* of Msg */
};

#define RULE "rule"
#define ADVISORY "advisory"
#define SYNC "<ReplyMode>Sync</ReplyMode>"
#define ASYNC "<ReplyMode>Async</ReplyMode>"
#define FILE_TYPE(type) "<Property Name=\"FileType\" Value=\"" type "\"/>"
#define ATTACHMENT(name) "<Attachment Type=\"ByteRange\" Name=\"" name "\" Offset=\"0\" Length=\"2\"/>"
#define ZEROS "{00000000-0000-0000-0000-0000000000"

#define LOCATION "<SiteInformationRequest SchemaVersion=\"1.00\"/>"
#define CONTENT(version) "<ContentLocationRequest SchemaVersion=\"" version "\"/>"
#define POLICY "<RequestAssignments SchemaVersion=\"1.00\"/>"
#define STATUS "<Status SchemaVersion=\"1.0\"/>"

/* schema.md 4.0: the header that all reports share. */
#define REPORT_OF(client, type, kind, action, body)                                                                    \
    "<Report><ReportHeader><Identification><Machine><ClientType>" client "</ClientType></Machine></Identification>"    \
    "<ReportDetails><ReportType>" type "</ReportType></ReportDetails><InventoryAction ActionType=\"" kind "\">"        \
    "<InventoryActionID>" action "</InventoryActionID></InventoryAction></ReportHeader><ReportBody>" body              \
    "</ReportBody></Report>"
#define REPORT(action) REPORT_OF("1", "Full", "Predefined", action, "")

#define STATE_OF(topics, states, parameters)                                                                           \
    "<Report><ReportBody><StateMessage>" topics states parameters "</StateMessage></ReportBody></Report>"
#define PARAMETERS(count, list) "<UserParameters Flags=\"0\" Count=\"" count "\">" list "</UserParameters>"
#define STATE STATE_OF("<Topic/>", "<State/>", PARAMETERS("1", "<Param>1</Param>"))
#define METERING(status)                                                                                               \
    "<Report><ReportBody><ProductInfo/><HistoricalMeterData Status=\"" status "\"/></ReportBody></Report>"

#define REGISTRATION_OF(data, certificates, signature)                                                                 \
    "<ClientRegistrationRequest><Data " data "><AgentInformation AgentType=\"0\"/>" certificates "</Data>" signature   \
    "</ClientRegistrationRequest>"
#define SIGNATURE "<Signature><SignatureValue>00</SignatureValue></Signature>"
#define NEW "RequestType=\"Registration\" SMSID=\"\""
#define SIGNING(hex) "<Certificates><Signing>" hex "</Signing></Certificates>"
#define ENCRYPTION "<Certificates><Encryption>" VECTOR_CERTIFICATE "</Encryption></Certificates>"
#define AGENT(type)                                                                                                    \
    "<ClientRegistrationRequest><Data " NEW "><AgentInformation AgentType=\"" type "\"/></Data>" SIGNATURE             \
    "</ClientRegistrationRequest>"

#define ASSIGNMENTS(signature, policy)                                                                                 \
    "<ReplyAssignments SchemaVersion=\"1.00\">" signature "<PolicyAssignment>" policy "</PolicyAssignment>"            \
    "</ReplyAssignments>"
#define GOOD_POLICY "<Policy PolicyID=\"{1}\" PolicyCategory=\"x\"/>"

static const struct expectation TABLE[] = {
    /* C01, C02: state messages are signed in both modes */
    {"C01", RULE, UNSIGNED, "MP_RelayEndpoint", STATE, FILE_TYPE("SMX")},
    {"C01", RULE, UNSIGNED, "MP_RelayEndpoint", STATE, NULL},
    {"C01", NULL, 0, "MP_RelayEndpoint", STATE, FILE_TYPE("SMX")},
    {"C01", NULL, UNSIGNED | TLS, "MP_RelayEndpoint", STATE, FILE_TYPE("SMX")},
    {"C01", NULL, UNSIGNED, "MP_RelayEndpoint", METERING("1"), FILE_TYPE("SWM")},
    {"C02", RULE, UNSIGNED | TLS, "MP_RelayEndpoint", STATE, FILE_TYPE("SMX")},
    {"C02", NULL, TLS, "MP_RelayEndpoint", STATE, FILE_TYPE("SMX")},
    /* C03: status messages are signed in native mode only */
    {"C03", RULE, UNSIGNED | TLS, "StatusReceiver", STATUS, NULL},
    {"C03", NULL, UNSIGNED, "StatusReceiver", STATUS, NULL},
    {"C03", NULL, TLS, "StatusReceiver", STATUS, NULL},
    /* C04: a registration needs no message signature, but its own */
    {"C04", RULE, UNSIGNED, "MP_ClientRegistration", REGISTRATION_OF(NEW, "", ""), NULL},
    {"C04", NULL, UNSIGNED, "MP_ClientRegistration", REGISTRATION_OF(NEW, "", SIGNATURE), NULL},
    {"C04", NULL, UNSIGNED | TLS, "MP_ClientRegistration", REGISTRATION_OF(NEW, "", SIGNATURE), NULL},
    /* C05: locations need none */
    {"C05", NULL, UNSIGNED, "MP_LocationManager", LOCATION, NULL},
    {"C05", NULL, UNSIGNED | TLS, "MP_LocationManager", LOCATION, NULL},
    /* C06, C07, C08 */
    {"C06", RULE, UNSIGNED, "MP_SinvEndpoint", REPORT(ZEROS "02}"), ATTACHMENT(ZEROS "02}")},
    {"C06", ADVISORY, UNSIGNED | TLS, "MP_SinvEndpoint", REPORT(ZEROS "02}"), ATTACHMENT(ZEROS "02}")},
    {"C06", NULL, 0, "MP_SinvEndpoint", REPORT(ZEROS "02}"), ATTACHMENT(ZEROS "02}")},
    {"C07", ADVISORY, UNSIGNED, "MP_HinvEndpoint", REPORT(ZEROS "01}"), NULL},
    {"C07", ADVISORY, UNSIGNED, "MP_RelayEndpoint", METERING("1"), FILE_TYPE("SWM")},
    {"C07", NULL, 0, "MP_HinvEndpoint", REPORT(ZEROS "01}"), NULL},
    {"C08", ADVISORY, UNSIGNED, "MP_PolicyManager", POLICY, NULL},
    {"C08", NULL, 0, "MP_PolicyManager", POLICY, NULL},
    {"C08", NULL, UNSIGNED | REPLY, "MP_PolicyManager", ASSIGNMENTS("", GOOD_POLICY), NULL},
    /* C10: readable inventory */
    {"C10", ADVISORY, 0, "MP_HinvEndpoint", REPORT(ZEROS "01}"), NULL},
    {"C10", NULL, TLS, "MP_HinvEndpoint", REPORT(ZEROS "01}"), NULL},
    {"C10", NULL, 0, "MP_PolicyManager", POLICY, NULL},
    /* C20, C21: endpoint and root */
    {"C20", RULE, 0, NULL, POLICY, NULL},
    {"C20", RULE, 0, "", POLICY, NULL},
    {"C20", RULE, 0, "MP_Unheard", POLICY, NULL},
    {"C20", NULL, 0, "mp_policymanager", POLICY, NULL},
    {"C20", NULL, REPLY, NULL, POLICY, NULL},
    {"C21", RULE, 0, "MP_PolicyManager", LOCATION, NULL},
    {"C21", RULE, REPLY, "MP_PolicyManager", POLICY, NULL},
    {"C21", ADVISORY, 0, "MP_DriverManager", POLICY, NULL},
    {"C21", NULL, 0, "MP_LocationManager", LOCATION, NULL},
    {"C21", NULL, REPLY, "MP_PolicyManager", ASSIGNMENTS("", GOOD_POLICY), NULL},
    /* C22: Post or Invoke */
    {"C22", RULE, 0, "MP_DdrEndpoint", REPORT(ZEROS "03}"), SYNC},
    {"C22", RULE, 0, "MP_PolicyManager", POLICY, ASYNC},
    {"C22", RULE, REPLY, "MP_DdrEndpoint", REPORT(ZEROS "03}"), NULL},
    {"C22", NULL, 0, "MP_DdrEndpoint", REPORT(ZEROS "03}"), ASYNC},
    {"C22", NULL, 0, "MP_PolicyManager", POLICY, SYNC},
    {"C22", NULL, REPLY, "MP_PolicyManager", ASSIGNMENTS("", GOOD_POLICY), SYNC},
    /* C23: names of attachments */
    {"C23", RULE, 0, "MP_SinvEndpoint", REPORT(ZEROS "02}"), ATTACHMENT(ZEROS "01}")},
    {"C23", RULE, 0, "MP_DdrEndpoint", REPORT(ZEROS "03}"), ATTACHMENT("1")},
    {"C23", ADVISORY, 0, "MP_HinvEndpoint", REPORT(ZEROS "01}"), ATTACHMENT("1")},
    {"C23", RULE, 0, "MP_SinvCollFileEndpoint", REPORT(ZEROS "10}"), ATTACHMENT("1") ATTACHMENT("1")},
    {"C23", NULL, 0, "MP_SinvCollFileEndpoint", REPORT(ZEROS "10}"), ATTACHMENT("1") ATTACHMENT("2")},
    {"C23", NULL, 0, "MP_SinvEndpoint", REPORT(ZEROS "02}"), ATTACHMENT(ZEROS "02}")},
    {"C23", NULL, 0, "MP_DdrEndpoint", REPORT(ZEROS "03}"), NULL},
    /* C24: file type of a relay message */
    {"C24", RULE, 0, "MP_RelayEndpoint", STATE, NULL},
    {"C24", RULE, 0, "MP_RelayEndpoint", STATE, FILE_TYPE("XYZ")},
    {"C24", RULE, 0, "MP_RelayEndpoint", METERING("1"), FILE_TYPE("SMX")},
    {"C24", RULE, 0, "MP_RelayEndpoint", STATE, FILE_TYPE("SWM")},
    {"C24", NULL, 0, "MP_RelayEndpoint", STATE, FILE_TYPE("SMX")},
    {"C24", NULL, 0, "MP_RelayEndpoint", METERING("1"), FILE_TYPE("SWM")},
    {"C24", NULL, 0, "MP_HinvEndpoint", REPORT(ZEROS "01}"), NULL},
    /* C26: collected files */
    {"C26", RULE, 0, "MP_SinvCollFileEndpoint",
     REPORT_OF("1", "Full", "Predefined", ZEROS "10}", "<CollectedFile ID=\"1\" Content=\"new\"/>"), NULL},
    {"C26", RULE, 0, "MP_SinvCollFileEndpoint",
     REPORT_OF("1", "Full", "Predefined", ZEROS "10}", "<CollectedFile ID=\"1\" Content=\"old\"/>"), ATTACHMENT("1")},
    {"C26", NULL, 0, "MP_SinvCollFileEndpoint",
     REPORT_OF("1", "Full", "Predefined", ZEROS "10}",
               "<CollectedFile ID=\"1\" Content=\"new\"/><CollectedFile ID=\"2\" Content=\"deleted\"/>"),
     ATTACHMENT("1")},
    /* C27, C28, C29: the header of a report */
    {"C27", RULE, 0, "MP_HinvEndpoint", REPORT_OF("1", "Full", "Custom", ZEROS "01}", ""), NULL},
    {"C27", RULE, 0, "MP_HinvEndpoint", REPORT(ZEROS "02}"), NULL},
    {"C27", NULL, 0, "MP_HinvEndpoint", REPORT(ZEROS "01}"), NULL},
    {"C27", NULL, 0, "MP_SinvCollFileEndpoint", REPORT("00000000-0000-0000-0000-000000000010"), NULL},
    {"C28", RULE, 0, "MP_HinvEndpoint", REPORT_OF("1", "Some", "Predefined", ZEROS "01}", ""), NULL},
    {"C28", NULL, 0, "MP_HinvEndpoint", REPORT_OF("1", "Delta", "Predefined", ZEROS "01}", ""), NULL},
    {"C29", RULE, 0, "MP_HinvEndpoint", REPORT_OF("2", "Full", "Predefined", ZEROS "01}", ""), NULL},
    {"C29", NULL, 0, "MP_HinvEndpoint", REPORT_OF("3", "Full", "Predefined", ZEROS "01}", ""), NULL},
    {"C29", RULE, 0, "MP_LocationManager", CONTENT("2.0"), NULL},
    {"C29", RULE, 0, "MP_LocationManager", "<ContentLocationRequest/>", NULL},
    {"C29", NULL, 0, "MP_LocationManager", CONTENT("1.00"), NULL},
    {"C29", NULL, 0, "StatusReceiver", STATUS, NULL},
    /* C30: state messages */
    {"C30", RULE, 0, "MP_RelayEndpoint", STATE_OF("", "<State/>", ""), FILE_TYPE("SMX")},
    {"C30", RULE, 0, "MP_RelayEndpoint", STATE_OF("<Topic/><Topic/>", "<State/>", ""), FILE_TYPE("SMX")},
    {"C30", RULE, 0, "MP_RelayEndpoint", STATE_OF("<Topic/>", "<State/><State/>", ""), FILE_TYPE("SMX")},
    {"C30", RULE, 0, "MP_RelayEndpoint",
     STATE_OF("<Topic/>", "<State/>", PARAMETERS("6", "<Param/><Param/><Param/><Param/><Param/><Param/>")),
     FILE_TYPE("SMX")},
    {"C30", ADVISORY, 0, "MP_RelayEndpoint", STATE_OF("<Topic/>", "<State/>", PARAMETERS("2", "<Param/>")),
     FILE_TYPE("SMX")},
    {"C30", RULE, 0, "MP_RelayEndpoint",
     "<Report><ReportBody><StateMessage SerialNumber=\"7\"><Topic/><State/></StateMessage>"
     "<StateMessage SerialNumber=\"7\"><Topic/><State/></StateMessage></ReportBody></Report>",
     FILE_TYPE("SMX")},
    {"C30", NULL, 0, "MP_RelayEndpoint",
     "<Report><ReportBody><StateMessage SerialNumber=\"7\"><Topic/><State/></StateMessage>"
     "<StateMessage SerialNumber=\"8\"><Topic/><State/></StateMessage></ReportBody></Report>",
     FILE_TYPE("SMX")},
    {"C27", RULE, 0, "MP_SinvCollFileEndpoint",
     "<Report><ReportHeader><FileCollectionAction><FileCollectionActionID>" ZEROS
     "11}</FileCollectionActionID></FileCollectionAction></ReportHeader></Report>",
     ""},
    {"C27", NULL, 0, "MP_RelayEndpoint",
     "<Report><ReportHeader><FileCollectionAction><FileCollectionActionID>" ZEROS
     "11}</FileCollectionActionID></FileCollectionAction></ReportHeader></Report>",
     FILE_TYPE("IDMIF")},
    {"C30", NULL, 0, "MP_RelayEndpoint", STATE, FILE_TYPE("SMX")},
    {"C30", NULL, 0, "MP_RelayEndpoint", STATE_OF("<Topic/>", "<State/>", PARAMETERS("0", "")), FILE_TYPE("SMX")},
    /* C31: metering */
    {"C31", RULE, 0, "MP_RelayEndpoint", METERING("16"), FILE_TYPE("SWM")},
    {"C31", NULL, 0, "MP_RelayEndpoint", METERING("15"), FILE_TYPE("SWM")},
    /* C32: ranges and XML */
    {"C32", RULE, 0, "MP_DdrEndpoint", REPORT(ZEROS "03}"),
     "<Attachment Type=\"ByteRange\" Name=\"" ZEROS "03}\" Offset=\"0\" Length=\"99999\"/>"},
    {"C32", RULE, 0, "MP_DdrEndpoint", "<Report><ReportHeader></Report>", NULL},
    {"C32", NULL, 0, "MP_DdrEndpoint", REPORT(ZEROS "03}"), ATTACHMENT(ZEROS "03}")},
    /* C40, C41, C42, C46: registration */
    {"C40", RULE, UNSIGNED, "MP_ClientRegistration", REGISTRATION_OF("RequestType=\"Other\"", "", SIGNATURE), NULL},
    {"C40", RULE, UNSIGNED, "MP_ClientRegistration",
     REGISTRATION_OF("RequestType=\"Confirmation\" SMSID=\"\"", "", SIGNATURE), NULL},
    {"C40", NULL, UNSIGNED, "MP_ClientRegistration",
     REGISTRATION_OF("RequestType=\"Confirmation\" SMSID=\"GUID:1\"", "", SIGNATURE), NULL},
    {"C40", NULL, UNSIGNED, "MP_ClientRegistration",
     REGISTRATION_OF("RequestType=\"Confirmation\" SMSID=\"\"", "",
                     "<Signature SMSID=\"GUID:1\"><SignatureValue>00</SignatureValue></Signature>"),
     NULL},
    {"C40", NULL, UNSIGNED, "MP_ClientRegistration", REGISTRATION_OF(NEW, "", SIGNATURE), NULL},
    {"C41", RULE, UNSIGNED, "MP_ClientRegistration", AGENT("9"), NULL},
    {"C41", NULL, UNSIGNED, "MP_ClientRegistration", AGENT("8"), NULL},
    {"C42", RULE, UNSIGNED | TLS, "MP_ClientRegistration", REGISTRATION_OF(NEW, ENCRYPTION, SIGNATURE), NULL},
    {"C42", NULL, UNSIGNED, "MP_ClientRegistration", REGISTRATION_OF(NEW, ENCRYPTION, SIGNATURE), NULL},
    {"C42", RULE, UNSIGNED, "MP_ClientRegistration", REGISTRATION_OF(NEW, "<RegistrationHint/>", SIGNATURE), NULL},
    {"C42", NULL, UNSIGNED | TLS, "MP_ClientRegistration", REGISTRATION_OF(NEW, "<RegistrationHint/>", SIGNATURE),
     NULL},
    {"C45", ADVISORY, UNSIGNED, "MP_ClientRegistration", REGISTRATION_OF(NEW, SIGNING("3082"), SIGNATURE), NULL},
    {"C45", ADVISORY, UNSIGNED, "MP_ClientRegistration", REGISTRATION_OF(NEW, SIGNING(VECTOR_CERTIFICATE), SIGNATURE),
     NULL},
    {"C45", NULL, 0, "MP_PolicyManager", POLICY, NULL},
    {"C46", RULE, UNSIGNED, "MP_ClientRegistration", REGISTRATION_OF(NEW, SIGNING(VECTOR_CERTIFICATE_PKI), SIGNATURE),
     NULL},
    {"C46", NULL, UNSIGNED | TLS, "MP_ClientRegistration",
     REGISTRATION_OF(NEW, SIGNING(VECTOR_CERTIFICATE_PKI), SIGNATURE), NULL},
    {"C46", RULE, UNSIGNED | TLS, "MP_ClientRegistration", REGISTRATION_OF(NEW, SIGNING(VECTOR_CERTIFICATE), SIGNATURE),
     NULL},
    {"C46", NULL, UNSIGNED, "MP_ClientRegistration", REGISTRATION_OF(NEW, SIGNING(VECTOR_CERTIFICATE), SIGNATURE),
     NULL},
    /* C47: replies */
    {"C47", ADVISORY, UNSIGNED | REPLY, "MP_PolicyManager", ASSIGNMENTS("", GOOD_POLICY), NULL},
    {"C47", NULL, REPLY, "MP_PolicyManager", ASSIGNMENTS("", GOOD_POLICY), NULL},
    {"C47", NULL, UNSIGNED, "MP_PolicyManager", POLICY, NULL},
    /* C50, C51: assignments */
    {"C50", RULE, REPLY, "MP_PolicyManager", ASSIGNMENTS("<Signature/>", GOOD_POLICY), NULL},
    {"C50", RULE, REPLY | TLS, "MP_PolicyManager", ASSIGNMENTS("", GOOD_POLICY), NULL},
    {"C50", NULL, REPLY, "MP_PolicyManager", ASSIGNMENTS("", GOOD_POLICY), NULL},
    {"C50", NULL, REPLY | TLS, "MP_PolicyManager", ASSIGNMENTS("<Signature/>", GOOD_POLICY), NULL},
    {"C51", RULE, REPLY, "MP_PolicyManager", ASSIGNMENTS("", "<Policy PolicyCategory=\"x\"/>"), NULL},
    {"C51", RULE, REPLY, "MP_PolicyManager", ASSIGNMENTS("", GOOD_POLICY "<Policy PolicyID=\"{2}\"/>"), NULL},
    {"C51", NULL, REPLY, "MP_PolicyManager", ASSIGNMENTS("", GOOD_POLICY GOOD_POLICY), NULL},
};

static const struct ccm_message *decode(struct fixture *fixture, const struct sample *sample, unsigned how,
                                        struct text endpoint)
{
    buffer_reset(&fixture->body, SAMPLE_MAX);
    sample_build(sample, &fixture->body);
    struct ccm_source source = {
        .body = buffer_cursor(&fixture->body),
        .content_type = TEXT(SAMPLE_TYPE),
        .reply = how & REPLY,
        .secure = how & TLS,
        .endpoint = how & REPLY ? endpoint : TEXT_NULL,
    };
    ccm_message_decode(&fixture->decoder, &source, NEED_FINDING, &fixture->message);
    return &fixture->message;
}

/* The level of the first finding of that code, or NULL. */
static const char *level_of(const struct ccm_message *message, const char *code)
{
    for (size_t i = 0; i < message->finding_count; i++) {
        assert_true(message->findings[i].text.length > 0);
        if (strcmp(message->findings[i].code, code) == 0)
            return message->findings[i].level;
    }
    return NULL;
}

static void each_check_fires_when_it_should_and_only_then(void **state)
{
    for (size_t i = 0; i < sizeof TABLE / sizeof TABLE[0]; i++) {
        const struct expectation *row = &TABLE[i];
        struct sample sample = {
            .endpoint = row->how & REPLY ? NULL : row->endpoint,
            .source_id = VECTOR_CLIENT,
            .body = row->body,
            .children = row->children,
            .sign = !(row->how & UNSIGNED),
        };
        const char *level = level_of(decode(*state, &sample, row->how, text_of(row->endpoint)), row->code);
        if (!text_equal(text_of(level), text_of(row->level)))
            print_error("row %zu: %s at %s: %s, not %s\n", i, row->code, row->endpoint == NULL ? "-" : row->endpoint,
                        level == NULL ? "nothing" : level, row->level == NULL ? "nothing" : row->level);
        assert_true(text_equal(text_of(level), text_of(row->level)));
    }
}

static void every_code_of_the_table_is_seen_from_both_sides(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof TABLE / sizeof TABLE[0]; i++) {
        bool fires = strcmp(TABLE[i].code, "C05") == 0, rests = false; /* C05 asks for nothing, so it never fires */
        for (size_t j = 0; j < sizeof TABLE / sizeof TABLE[0]; j++) {
            bool same = strcmp(TABLE[i].code, TABLE[j].code) == 0;
            fires = fires || (same && TABLE[j].level != NULL);
            rests = rests || (same && TABLE[j].level == NULL);
        }
        assert_true(fires && rests);
    }
}

/* Messages as the pages describe them give no finding at all, but for what the mode brings with it. */
static void good_messages_give_no_finding(void **state)
{
    static const struct {
        const char *endpoint, *body, *children;
        unsigned how;
    } good[] = {
        {"MP_LocationManager", LOCATION, SYNC, UNSIGNED},
        {"MP_PolicyManager", POLICY, SYNC, 0},
        {"MP_PolicyManager", POLICY, SYNC, TLS},
        {"MP_HinvEndpoint", REPORT(ZEROS "01}"), ASYNC ATTACHMENT(ZEROS "01}"), TLS},
        {"MP_RelayEndpoint", STATE, ASYNC FILE_TYPE("SMX"), TLS},
        {"StatusReceiver", STATUS, ASYNC FILE_TYPE("STA"), UNSIGNED},
        {"MP_ClientRegistration", REGISTRATION_OF(NEW, "", SIGNATURE), SYNC, UNSIGNED},
    };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        struct sample sample = {.endpoint = good[i].endpoint,
                                .source_id = VECTOR_CLIENT,
                                .body = good[i].body,
                                .children = good[i].children,
                                .sign = !(good[i].how & UNSIGNED)};
        const struct ccm_message *message = decode(*state, &sample, good[i].how, TEXT_NULL);
        for (size_t j = 0; j < message->finding_count; j++)
            print_error("%s: %s %.*s\n", good[i].endpoint, message->findings[j].code,
                        (int)message->findings[j].text.length, message->findings[j].text.at);
        assert_int_equal(message->finding_count, 0);
    }
}

static void a_registration_with_a_good_signature_gives_no_finding(void **state)
{
    struct buffer xml;
    buffer_init(&xml, SAMPLE_MAX);
    sample_registration(&xml, "Registration", NULL, VECTOR_CERTIFICATE);
    sample_append(&xml, cursor_of("", 1));
    struct sample sample = {.endpoint = "MP_ClientRegistration", .body = (const char *)xml.bytes, .children = SYNC};
    assert_int_equal(decode(*state, &sample, 0, TEXT_NULL)->finding_count, 0);
    buffer_free(&xml);
}

static void envelopes_belong_to_mixed_mode(void **state)
{
    struct buffer envelope;
    buffer_init(&envelope, SAMPLE_MAX);
    sample_hex(&envelope, VECTOR_CMS_DES3);
    struct sample sample = {.endpoint = "MP_HinvEndpoint",
                            .source_id = VECTOR_CLIENT,
                            .sign = true,
                            .payload = buffer_cursor(&envelope),
                            .hooks = "<Hook2 Name=\"encrypt\"/>"};
    assert_string_equal(level_of(decode(*state, &sample, TLS, TEXT_NULL), "C09"), RULE);
    const struct ccm_message *message = decode(*state, &sample, 0, TEXT_NULL);
    assert_null(level_of(message, "C09"));
    assert_null(level_of(message, "C10")); /* nothing to read */
    buffer_free(&envelope);
}

static void weak_hashes_and_invalid_signatures_are_advisories(void **state)
{
    struct fixture *fixture = *state;
    struct sample sample = {
        .endpoint = "MP_PolicyManager", .source_id = VECTOR_CLIENT, .body = POLICY, .sign = true, .hash = "sha1"};
    assert_string_equal(level_of(decode(fixture, &sample, 0, TEXT_NULL), "C13"), ADVISORY);
    sample.hash = "md5";
    assert_string_equal(level_of(decode(fixture, &sample, 0, TEXT_NULL), "C13"), ADVISORY);
    sample.hash = "sha256";
    assert_null(level_of(decode(fixture, &sample, 0, TEXT_NULL), "C13"));
    sample.sign = false;
    sample.properties =
        "<Property Name=\"PublicKey\">" VECTOR_PUBLIC_KEY
        "</Property><Property Name=\"PayloadSignature\">" VECTOR_SHA256 "</Property>"; /* over other bytes */
    assert_string_equal(level_of(decode(fixture, &sample, 0, TEXT_NULL), "C45"), ADVISORY);
}

static void a_message_whose_header_is_not_whole_is_not_blamed_for_what_is_missing(void **state)
{
    struct fixture *fixture = *state;
    struct sample sample = {.endpoint = "MP_SinvEndpoint", .source_id = VECTOR_CLIENT, .body = REPORT(ZEROS "02}")};
    decode(fixture, &sample, 0, TEXT_NULL);
    struct ccm_source source = {
        .body = {fixture->body.bytes, 300}, .content_type = TEXT(SAMPLE_TYPE), .missing = CCM_MISSING_BYTES};
    ccm_message_decode(&fixture->decoder, &source, NEED_FINDING, &fixture->message);
    assert_null(level_of(&fixture->message, "C06"));
    assert_null(level_of(&fixture->message, "C20"));
    assert_null(level_of(&fixture->message, "C32")); /* the sender is not to blame for the cut */
    assert_int_equal(fixture->message.missing, CCM_MISSING_BYTES);
    assert_true(text_is(fixture->message.malformed, "bytes of the message are missing from the capture"));
}

struct told {
    struct ccm_finding findings[CCM_FINDINGS_MAX];
    size_t count;
    enum ccm_signature_state states[4];
};

static void states_of(const struct ccm_message *message, enum ccm_signature_state states[4])
{
    states[0] = message->payload_signature.state;
    states[1] = message->client_id_signature.state;
    states[2] = message->token_signature.state;
    states[3] = message->registration_signature.state;
}

static bool has_finding(const struct told *whole, const struct ccm_finding *finding)
{
    for (size_t i = 0; i < whole->count; i++) {
        const char *code = whole->findings[i].code;
        if (strcmp(code, finding->code) == 0 && strcmp(whole->findings[i].level, finding->level) == 0)
            return true;
        /* Only the body tells which kind of relay message it is: unsigned, it is at least what all of them may be. */
        if (strcmp(finding->code, "C07") == 0 && (strcmp(code, "C01") == 0 || strcmp(code, "C02") == 0))
            return true;
    }
    return false;
}

/* Of a message that lost its end, nothing is found and no signature called absent or invalid that is not so of the whole
 * message. */
#define CUT_STEP 13 /* the rows of the table begin at different places */

static void decode_cuts(struct fixture *fixture, unsigned how, struct text endpoint, enum ccm_missing missing,
                        size_t first)
{
    struct told whole = {.count = fixture->message.finding_count};
    memcpy(whole.findings, fixture->message.findings, sizeof whole.findings);
    states_of(&fixture->message, whole.states);
    for (size_t length = first; length < fixture->body.length; length += CUT_STEP) {
        struct ccm_source source = {.body = {fixture->body.bytes, length},
                                    .content_type = TEXT(SAMPLE_TYPE),
                                    .reply = how & REPLY,
                                    .secure = how & TLS,
                                    .missing = missing,
                                    .endpoint = how & REPLY ? endpoint : TEXT_NULL};
        enum ccm_signature_state states[4];
        ccm_message_decode(&fixture->decoder, &source, NEED_FINDING, &fixture->message);
        states_of(&fixture->message, states);
        assert_int_equal(fixture->message.missing, missing);
        for (size_t i = 0; i < fixture->message.finding_count; i++) {
            if (!has_finding(&whole, &fixture->message.findings[i]))
                print_error("cut at %zu: %s %.*s\n", length, fixture->message.findings[i].code,
                            (int)fixture->message.findings[i].text.length, fixture->message.findings[i].text.at);
            assert_true(has_finding(&whole, &fixture->message.findings[i]));
        }
        for (size_t i = 0; i < 3; i++) {
            assert_true(states[i] == whole.states[i] || states[i] == CCM_SIGNATURE_UNSUPPORTED);
        }
        assert_true(states[3] == whole.states[3] || states[3] == CCM_SIGNATURE_UNSUPPORTED ||
                    fixture->message.document.root == NULL); /* no registration: nothing was judged */
    }
}

static void no_cut_makes_a_finding(void **state)
{
    struct fixture *fixture = *state;
    for (size_t i = 0; i < 2 * sizeof TABLE / sizeof TABLE[0]; i++) {
        const struct expectation *row = &TABLE[i / 2];
        struct sample sample = {
            .endpoint = row->how & REPLY ? NULL : row->endpoint,
            .source_id = VECTOR_CLIENT,
            .body = row->body,
            .children = row->children,
            .sign = !(row->how & UNSIGNED),
            .plain = i % 2 == 1,
        };
        decode(fixture, &sample, row->how, text_of(row->endpoint));
        decode_cuts(fixture, row->how, text_of(row->endpoint), i % 3 == 0 ? CCM_MISSING_LIMIT : CCM_MISSING_BYTES,
                    i % CUT_STEP);
    }
}

static void no_cut_of_a_registration_makes_its_signature_invalid(void **state)
{
    struct buffer xml;
    buffer_init(&xml, SAMPLE_MAX);
    sample_registration(&xml, "Registration", NULL, VECTOR_CERTIFICATE);
    sample_append(&xml, cursor_of("", 1));
    struct sample sample = {.endpoint = "MP_ClientRegistration", .body = (const char *)xml.bytes, .plain = true};
    decode(*state, &sample, 0, TEXT_NULL);
    for (size_t first = 0; first < CUT_STEP; first++) {
        decode(*state, &sample, 0, TEXT_NULL);
        decode_cuts(*state, 0, TEXT_NULL, CCM_MISSING_BYTES, first);
    }
    buffer_free(&xml);
}

/* What a body of an unknown coding holds is not known, whatever it looks like. */
static void a_body_of_an_unknown_coding_is_not_judged(void **state)
{
    struct fixture *fixture = *state;
    static const char coded[] = "\x1B\x2A\x00\xF8\x8D\xA0\x9F";
    struct ccm_source source = {
        .body = cursor_of(coded, sizeof coded - 1), .content_type = TEXT(SAMPLE_TYPE), .missing = CCM_MISSING_CODING};
    ccm_message_decode(&fixture->decoder, &source, NEED_FINDING, &fixture->message);
    assert_int_equal(fixture->message.finding_count, 0);
    assert_int_equal(fixture->message.missing, CCM_MISSING_CODING);
    assert_int_equal(fixture->message.payload_signature.state, CCM_SIGNATURE_UNSUPPORTED);
    assert_true(text_is(fixture->message.malformed, "the message has a coding that is not read"));
    /* The claim alone hides nothing: a reader that does not look at it reads the message. */
    struct sample sample = {.endpoint = "MP_Unheard", .source_id = VECTOR_CLIENT, .body = POLICY, .sign = true};
    decode(fixture, &sample, 0, TEXT_NULL);
    source.body = buffer_cursor(&fixture->body);
    ccm_message_decode(&fixture->decoder, &source, NEED_FINDING, &fixture->message);
    assert_non_null(level_of(&fixture->message, "C20"));
    assert_int_equal(fixture->message.missing, CCM_MISSING_NOTHING);
}

/* A limit of this program says nothing about the sender: XML nested deeper than it is read, a payload that inflates to more. */
static void a_limit_is_no_breach(void **state)
{
    struct buffer xml;
    buffer_init(&xml, SAMPLE_MAX);
    sample_print(&xml, "<ClientRegistrationRequest>");
    for (int i = 0; i < XML_DEPTH_MAX; i++)
        sample_print(&xml, "<a>");
    sample_append(&xml, cursor_of("", 1)); /* whatever is behind: it is not read */
    struct sample sample = {.endpoint = "MP_ClientRegistration", .body = (const char *)xml.bytes};
    const struct ccm_message *message = decode(*state, &sample, 0, TEXT_NULL);
    assert_int_equal(message->missing, CCM_MISSING_LIMIT);
    assert_null(level_of(message, "C32"));
    assert_null(level_of(message, "C04"));
    assert_null(level_of(message, "C40"));
    buffer_free(&xml);
}

static void more_findings_than_there_is_room_for_do_no_harm(void **state)
{
    struct fixture *fixture = *state;
    struct buffer xml;
    buffer_init(&xml, SAMPLE_MAX);
    sample_print(&xml, "<Report><ReportBody>");
    for (int i = 0; i < 500; i++)
        sample_print(&xml, "<StateMessage/>");
    sample_print(&xml, "</ReportBody></Report>");
    sample_append(&xml, cursor_of("", 1));
    struct sample sample = {
        .endpoint = "MP_RelayEndpoint", .body = (const char *)xml.bytes, .children = FILE_TYPE("SMX")};
    const struct ccm_message *message = decode(fixture, &sample, 0, TEXT_NULL);
    assert_int_equal(message->finding_count, CCM_FINDINGS_MAX);
    assert_string_equal(level_of(message, "C01"), RULE);
    buffer_free(&xml);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_check_fires_when_it_should_and_only_then),
        cmocka_unit_test(every_code_of_the_table_is_seen_from_both_sides),
        cmocka_unit_test(good_messages_give_no_finding),
        cmocka_unit_test(a_registration_with_a_good_signature_gives_no_finding),
        cmocka_unit_test(envelopes_belong_to_mixed_mode),
        cmocka_unit_test(weak_hashes_and_invalid_signatures_are_advisories),
        cmocka_unit_test(a_message_whose_header_is_not_whole_is_not_blamed_for_what_is_missing),
        cmocka_unit_test(no_cut_makes_a_finding),
        cmocka_unit_test(no_cut_of_a_registration_makes_its_signature_invalid),
        cmocka_unit_test(a_body_of_an_unknown_coding_is_not_judged),
        cmocka_unit_test(a_limit_is_no_breach),
        cmocka_unit_test(more_findings_than_there_is_room_for_do_no_harm),
    };
    return cmocka_run_group_tests(tests, open_fixture, close_fixture);
}
