/* tests/unit/test_rules_site.c: the site file: what it may say, what is told when it may not, and its rows. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "records/store.h"
#include "rules/site.h"
#include "rules/site_discover.h"

/* Reads `yaml`, which must be right, into a new store. */
static struct store *load(const char *yaml)
{
    struct site *site = NULL;
    struct error error = {0};
    if (site_read(text_of(yaml), "s.yaml", &site, &error) != OUTCOME_OK)
        fail_msg("%s", error.text);
    struct store *store = store_new();
    struct sink sink = store_sink(store);
    site_write(site, &sink);
    site_free(site);
    return store;
}

static void expect_error(const char *yaml, const char *message)
{
    struct site *site = NULL;
    struct error error = {0};
    assert_int_equal(site_read(text_of(yaml), "s.yaml", &site, &error), OUTCOME_MALFORMED);
    assert_null(site);
    if (strcmp(error.text, message) != 0)
        fail_msg("found  \"%s\"\nwanted \"%s\"", error.text, message);
}

static void what_is_declared_becomes_rows(void **state)
{
    (void)state;
    struct store *store = load("sites:\n"
                               "  - code: pri\n"
                               "    mode: native\n"
                               "subnets:\n"
                               "  - {network: FD00:0::/8, kind: client, site: PRI}\n"
                               "ports: [{service: http, port: 8080}]\n"
                               "windows:\n"
                               "  - start: 1970-01-02T00:00:00Z\n"
                               "    end: 1970-01-02T00:00:01Z\n");
    const struct site_row *site = store_row(store, TABLE_site, 1);
    assert_true(text_is(site->code, "PRI") && text_is(site->mode, "native"));
    assert_null(site->parent.at);
    assert_int_equal(site->line, 2);
    assert_int_equal(site->packet, INT_NULL);
    assert_true(site->time != site->time); /* NULL */
    const struct site_subnet_row *subnet = store_row(store, TABLE_site_subnet, 1);
    assert_true(text_is(subnet->network, "fd00::/8") && text_is(subnet->kind, "client"));
    assert_int_equal(subnet->line, 5);
    const struct site_port_row *port = store_row(store, TABLE_site_port, 1);
    assert_int_equal(port->port, 8080);
    assert_null(port->site_code.at);
    const struct site_window_row *window = store_row(store, TABLE_site_window, 1);
    assert_true(window->start > 86399.9 && window->end > 86400.9 && window->end < 86401.1);
    store_free(store);
}

static void names_of_a_role_are_rows_of_hosts(void **state)
{
    (void)state;
    struct store *store = load("roles:\n"
                               "  - role: management_point\n"
                               "    address: 10.0.0.1\n"
                               "    fqdn: mp1.corp.test\n"
                               "    netbios: MP1\n"
                               "    account: CORP\\MP1$\n"
                               "  - role: distribution_point\n"
                               "    address: 10.0.0.2\n"
                               "    netbios: DP1\n"
                               "hosts:\n"
                               "  - address: 10.0.0.3\n"
                               "    fqdn: fs.corp.test\n");
    const struct site_role_row *role = store_row(store, TABLE_site_role, 1);
    assert_true(text_is(role->host, "10.0.0.1") && text_is(role->role, "management_point"));
    assert_true(text_is(role->name, "mp1.corp.test"));
    assert_true(text_is(((const struct site_role_row *)store_row(store, TABLE_site_role, 2))->name, "DP1"));
    assert_int_equal(store_count(store, TABLE_site_role), 2);
    assert_int_equal(store_count(store, TABLE_site_host), 4);
    const struct site_host_row *host = store_row(store, TABLE_site_host, 2);
    assert_true(text_is(host->name, "MP1") && text_is(host->kind, "netbios") && text_is(host->account, "CORP\\MP1$"));
    host = store_row(store, TABLE_site_host, 4);
    assert_true(text_is(host->host, "10.0.0.3") && text_is(host->name, "fs.corp.test"));
    store_free(store);
}

static void an_empty_file_declares_nothing(void **state)
{
    (void)state;
    static const char *const empty[] = {"", "# only words\n", "---\n", "sites:\n", "roles: []\n"};
    for (size_t i = 0; i < sizeof empty / sizeof empty[0]; i++) {
        struct store *store = load(empty[i]);
        for (int table = 0; table < TABLE_COUNT; table++)
            assert_int_equal(store_count(store, (enum table)table), 0);
        store_free(store);
    }
}

static void wrong_form_is_told_with_its_line(void **state)
{
    (void)state;
    expect_error("sites:\n - code: PRI\n   cod: x\n",
                 "s.yaml:3: this key is not known here (docs/site.md lists all): cod");
    expect_error("sites:\n - code: PRI\nsite: x\n",
                 "s.yaml:3: this key is not known here (docs/site.md lists all): site");
    expect_error("sites:\n - code: PRI\n   code: ABC\n", "s.yaml:3: a key is given twice: code");
    expect_error("sites: []\nroles: []\nsites: []\n", "s.yaml:3: a key is given twice: sites");
    expect_error("\nsites:\n - mode: native\n", "s.yaml:3: a key is missing: code");
    expect_error("sites:\n - code: ''\n", "s.yaml:2: a value is empty; leave the key out instead");
    expect_error("sites:\n - code: [A]\n", "s.yaml:2: a list or a mapping stands where a single value is wanted");
    expect_error("sites:\n - code: &a PRI\n   name: *a\n", "s.yaml:3: aliases (*name) are not allowed here");
    expect_error("sites:\n - code: \"P\\0I\"\n", "s.yaml:2: there is a NUL inside of a text");
    expect_error("---\n---\n", "s.yaml:2: a second document begins here; there may be one");
    expect_error("sites:\n - code: \"PRI\n",
                 "s.yaml:3: while scanning a quoted scalar: found unexpected end of stream");
    expect_error("sites: PRI\n",
                 "s.yaml:1: the file has another form than a site file: Expecting SEQUENCE, got event: SCALAR");
}

static void values_that_cannot_be_are_told_with_their_line(void **state)
{
    (void)state;
    expect_error("sites:\n - code: PRIM\n", "s.yaml:2: code: 'PRIM' is no site code; one has three letters or digits");
    expect_error("sites:\n - code: PRI\n   mode: ssl\n",
                 "s.yaml:3: mode: 'ssl' is not allowed here; there are native mixed https ehttp http");
    expect_error("roles:\n - role: proxy\n   address: 10.0.0.256\n",
                 "s.yaml:3: address: '10.0.0.256' is no IP address");
    expect_error("roles:\n - role: mp\n   address: 10.0.0.2\n",
                 "s.yaml:2: role: 'mp' is not allowed here; there are those of docs/site.md");
    expect_error("subnets:\n - network: 10.0.0.0/33\n   kind: client\n",
                 "s.yaml:2: network: '10.0.0.0/33' is no network; one is written as 10.0.0.0/8 or fd00::/8");
    expect_error("ports:\n - service: http\n   port: 0\n", "s.yaml:3: port: '0' is no port; there are 1 to 65535");
    expect_error("windows:\n - start: yesterday\n   end: 2026-11-22T16:00:00Z\n",
                 "s.yaml:2: start: 'yesterday' is no time; one is written as 2026-11-22T16:00:00Z, in UTC");
}

static void what_does_not_fit_together_is_told_with_its_line(void **state)
{
    (void)state;
    expect_error("sites:\n - code: PRI\n - code: ABC\n - code: pri\n",
                 "s.yaml:4: sites: 'PRI' is already declared in line 2");
    expect_error("roles:\n - {role: proxy, address: 'fd00::1'}\n - {role: proxy, address: 'FD00:0::1'}\n",
                 "s.yaml:3: roles: 'fd00::1 proxy' is already declared in line 2");
    expect_error("sites:\n - code: PRI\n   parent: CEN\n",
                 "s.yaml:3: parent: the site 'CEN' is not declared under sites");
    expect_error("sites:\n - {code: AAA, parent: BBB}\n - {code: BBB, parent: AAA}\n",
                 "s.yaml:2: parent: this site is its own ancestor, or the tree is too deep");
    expect_error("sites:\n - code: PRI\nroles:\n - role: proxy\n   address: 10.0.0.1\n   site: ABC\n",
                 "s.yaml:6: site: the site 'ABC' is not declared under sites");
    expect_error("windows:\n - {start: 2026-11-22T16:00:00Z, end: 2026-11-22T16:00:00Z}\n",
                 "s.yaml:2: windows: the end is not after the start");
    expect_error("ipsec:\n - {address: 10.0.0.1, peer: 10.0.0.1}\n", "s.yaml:2: ipsec: '10.0.0.1' is its own peer");
}

static void huge_files_are_refused(void **state)
{
    (void)state;
    size_t count = SITE_ENTRIES_MAX + 1, length = 0;
    char *yaml = NULL;
    FILE *out = open_memstream(&yaml, &length);
    fputs("pki:\n", out);
    for (size_t i = 0; i < count; i++)
        fputs("- {kind: crl, value: a}\n", out);
    fclose(out);
    struct site *site = NULL;
    struct error error = {0};
    assert_int_equal(site_read((struct text){yaml, length}, "s.yaml", &site, &error), OUTCOME_MALFORMED);
    assert_non_null(strstr(error.text, "the list has more than 16384 entries"));
    length -= strlen("- {kind: crl, value: a}\n");
    assert_int_equal(site_read((struct text){yaml, length}, "s.yaml", &site, &error), OUTCOME_OK);
    site_free(site);
    free(yaml);

    yaml = malloc(SITE_TEXT_MAX + 64);
    int start = snprintf(yaml, 64, "pki:\n- kind: crl\n  value: ");
    memset(yaml + start, 'a', SITE_TEXT_MAX + 1);
    yaml[start + SITE_TEXT_MAX + 1] = '\0';
    assert_int_equal(site_read(text_of(yaml), "s.yaml", &site, &error), OUTCOME_MALFORMED);
    assert_non_null(strstr(error.text, "s.yaml:3: a value is longer than 255 bytes"));
    yaml[start + SITE_TEXT_MAX] = '\0';
    assert_int_equal(site_read(text_of(yaml), "s.yaml", &site, &error), OUTCOME_OK);
    site_free(site);
    free(yaml);
}

/* The name of the forest that is read back from what was written of `name`. */
static void hostile_names_are_read_back_as_they_were(void **state)
{
    (void)state;
    static const char *const names[] = {
        "mp1.corp.test",
        "a\"b\\c",
        "x: y # z",
        "- {a: [b",
        "\x1b[31m",
        "\xE2\x80\xAE\xE2\x80\xA8\xC2\x85",
        "\xF0\x9F\x98\x80\xEF\xBB\xBF",
        "line\nline\r\n\ttab",
        "%YAML",
        "yes",
        "~",
        " edge ",
        "\xEF\xBF\xBD",
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char *yaml = NULL;
        size_t length = 0;
        FILE *out = open_memstream(&yaml, &length);
        fputs("forests:\n- relation: home\n  name: \"", out);
        site_print_escaped(out, text_of(names[i]));
        fputs("\"\n", out);
        fclose(out);
        for (size_t j = 0; j < length; j++)
            assert_true((unsigned char)yaml[j] >= 0x20 || yaml[j] == '\n');
        struct store *store = load(yaml);
        const struct site_forest_row *row = store_row(store, TABLE_site_forest, 1);
        assert_true(text_is(row->name, names[i]));
        store_free(store);
        free(yaml);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_declared_becomes_rows),
        cmocka_unit_test(names_of_a_role_are_rows_of_hosts),
        cmocka_unit_test(an_empty_file_declares_nothing),
        cmocka_unit_test(wrong_form_is_told_with_its_line),
        cmocka_unit_test(values_that_cannot_be_are_told_with_their_line),
        cmocka_unit_test(what_does_not_fit_together_is_told_with_its_line),
        cmocka_unit_test(huge_files_are_refused),
        cmocka_unit_test(hostile_names_are_read_back_as_they_were),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
