/* dissect/configmgr/registration.c: see registration.h. */
#include "dissect/configmgr/registration.h"

#include <string.h>

#include "dissect/configmgr/certificate.h"

/* The bytes of <Data ...>...</Data> as they were sent, in UTF-16LE. */
static bool data_element(struct cursor body, struct cursor *data)
{
    static const char open[] = {'<', 0, 'D', 0, 'a', 0, 't', 0, 'a', 0};
    static const char close[] = {'<', 0, '/', 0, 'D', 0, 'a', 0, 't', 0, 'a', 0, '>', 0};
    size_t start, end;
    return cursor_find(body, cursor_of(open, sizeof open), &start) &&
           cursor_find_last(body, cursor_of(close, sizeof close), &end) && end > start &&
           cursor_slice(body, start, end + sizeof close - start, data);
}

/* A client of an ISV proxy (AgentType 8): its proxy, which Signature names, signs with a key of its own (schema.md 5). */
static bool is_proxied(const struct xml_element *root)
{
    struct text agent = xml_attribute(xml_path(root, "Data/AgentInformation"), "AgentType");
    return text_is(text_trim(agent), "8") && xml_attribute(xml_child(root, "Signature"), "SMSID").length > 0;
}

static void verify_proxy(struct ccm_decoder *decoder, struct ccm_message *message, struct ccm_signature *result)
{
    struct ccm_signer signer = {TEXT_NULL, message->registration_signer, false};
    ccm_signature_verify(decoder->keys, &signer, message->registration_hex, message->registration_data, &decoder->arena,
                         result);
    if (result->state == CCM_SIGNATURE_VALID && strcmp(result->key_source, "registration") == 0)
        result->key_source = "proxy";
}

const struct certificate_row *ccm_message_certificate(struct ccm_decoder *decoder, struct ccm_message *message)
{
    if (message->registration_certificate != NULL || message->registration_signing.at == NULL)
        return message->registration_certificate;
    struct certificate_row *row = arena_take(&decoder->arena, sizeof *row);
    if (row == NULL)
        return NULL;
    *row = certificate_row_null();
    ccm_certificate_read(message->registration_signing, decoder->keys, &decoder->arena, row,
                         &message->registration_key);
    message->registration_certificate = row;
    return row;
}

/* With the certificate that the registration itself brings. */
static void verify_embedded(struct ccm_decoder *decoder, struct ccm_message *message, struct ccm_signature *result)
{
    struct cursor signature;
    if (ccm_message_certificate(decoder, message) == NULL || message->registration_key == NULL)
        return;
    const struct ccm_key *key = message->registration_key;
    *result = (struct ccm_signature){.state = CCM_SIGNATURE_INVALID, .key_source = "embedded"};
    if (text_hex_decode(message->registration_hex, &decoder->arena, &signature))
        ccm_signature_check(decoder->keys, key, signature, message->registration_data, result);
    else
        result->reason = "it is not written as hex digits";
}

/* Which of two elements a server takes is not known, so neither is what the signature is worth. */
static bool stands_twice(const struct xml_element *root)
{
    static const char *const once[] = {"Data", "Data/Certificates", "Data/Certificates/Signing", "Signature",
                                       "Signature/SignatureValue"};
    bool twice = false;
    for (size_t i = 0; i < sizeof once / sizeof once[0]; i++) {
        const struct xml_element *first = xml_path(root, once[i]);
        twice = twice || (first != NULL && xml_next(first) != NULL);
    }
    return twice;
}

void ccm_registration_read(struct ccm_decoder *decoder, struct ccm_message *message, unsigned needs)
{
    const struct xml_element *root = message->document.root;
    if (root == NULL || !text_is(root->name, "ClientRegistrationRequest"))
        return;
    if (!message->document.complete) { /* certificates and signature may be cut, or be in what is missing */
        message->registration_signature =
            (struct ccm_signature){.state = CCM_SIGNATURE_UNSUPPORTED, .reason = "the registration is not whole"};
        return;
    }
    if (stands_twice(root)) {
        ccm_message_malformed(decoder, message, "an element of the registration stands twice");
        message->registration_signature = (struct ccm_signature){
            .state = CCM_SIGNATURE_UNSUPPORTED, .reason = "an element of the registration stands twice"};
        return;
    }
    message->registration_signing = xml_text(xml_path(root, "Data/Certificates/Signing"));
    message->registration_encryption = xml_text(xml_path(root, "Data/Certificates/Encryption"));
    struct text hex = xml_text(xml_path(root, "Signature/SignatureValue"));
    struct cursor data;
    if (!(needs & (NEED_SIGNATURE | NEED_REGISTRATION | NEED_FINDING)) || hex.at == NULL)
        return;
    struct ccm_signature *result = &message->registration_signature;
    *result = (struct ccm_signature){.state = CCM_SIGNATURE_NOKEY, .reason = "its signing certificate cannot be read"};
    if (!data_element(message->body_bytes, &data)) {
        *result = (struct ccm_signature){.state = CCM_SIGNATURE_UNSUPPORTED, .reason = "its Data element is not whole"};
        return;
    }
    message->registration_data = data;
    message->registration_hex = hex;
    message->registration_signer = xml_attribute(xml_child(root, "Signature"), "SMSID");
    if (message->registration_signing.at == NULL) { /* a confirmation: signed with the key registered before */
        struct ccm_signer signer = {TEXT_NULL, message->registration_signer, false};
        ccm_signature_verify(decoder->keys, &signer, hex, data, &decoder->arena, result);
        return;
    }
    verify_embedded(decoder, message, result);
    if (result->state == CCM_SIGNATURE_VALID && !result->reversed)
        ccm_message_note(message, "the registration signature is big-endian, which CryptoAPI refuses");
    if (result->state == CCM_SIGNATURE_VALID || !is_proxied(root))
        message->registration_signer = TEXT_NULL;
    else
        verify_proxy(decoder, message, result);
}
