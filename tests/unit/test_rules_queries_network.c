/* tests/unit/test_rules_queries_network.c: the queries of rules/sql about names and databases. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "rules_bench.h"

static void add_login(const char *database, int64_t integrated, int64_t accepted)
{
    struct sql_login_row row = sql_login_row_null();
    row.packet = 1;
    row.time = 1;
    row.client = TEXT("10.0.0.11");
    row.server = TEXT("10.0.0.50");
    row.database = text_of(database);
    row.integrated = integrated;
    row.auth = text_of(integrated ? "kerberos" : "sql");
    row.accepted = accepted;
    add(TABLE_sql_login, &row);
}

static void an_sql_login_that_the_site_database_took_fails(void **state)
{
    (void)state;
    assert_int_equal(judge("SQL-3")->verdict, VERDICT_NOTOBSERVED);
    add_login("master", 0, 1); /* of another application */
    add_login("CM_PRI", 0, 0); /* refused */
    add_login("CM_PRI", 0, INT_NULL);
    add_login("CMXPRI", 0, 1);
    assert_int_equal(judge("SQL-3")->verdict, VERDICT_NOTOBSERVED);
    add_login("CM_PRI", 1, 1);
    assert_int_equal(judge("SQL-3")->verdict, VERDICT_NOTOBSERVED); /* says nothing of the others */
    add_login("SMS_PRI", 0, 1);
    expect("SQL-3", VERDICT_FAIL, "took a login of SQL Server");
    assert_int_equal(judge("SQL-3")->grade, GRADE_PROOF);
}

/* A question for a name with its answer, 10.0.0.12. */
static void add_question(const char *name, const char *suffix, int64_t unicast, int64_t rcode)
{
    struct name_query_row row = name_query_row_null();
    row.packet = 1;
    row.reply_packet = 2;
    row.time = 100;
    row.protocol = TEXT("nbns");
    row.operation = TEXT("query");
    row.client = TEXT("10.0.0.101");
    row.server = TEXT("10.0.0.5");
    row.name = text_of(name);
    row.suffix = text_of(suffix);
    row.unicast = unicast;
    row.rcode = rcode;
    struct name_answer_row answer = name_answer_row_null();
    answer.packet = 2;
    answer.query = add(TABLE_name_query, &row);
    answer.section = TEXT("answer");
    answer.value = TEXT("10.0.0.11,10.0.0.12");
    add(TABLE_name_answer, &answer);
}

static void add_connection(const char *dst, double start, const char *state)
{
    struct flow_row row = flow_row_null();
    row.packet = 3;
    row.proto = TEXT("tcp");
    row.src = TEXT("10.0.0.101");
    row.dst = text_of(dst);
    row.start = start;
    row.state = text_of(state);
    add(TABLE_flow, &row);
}

static void a_site_system_found_by_wins_and_connected_to_fails(void **state)
{
    (void)state;
    add_question("MP_PRI", "1A", 1, 0);
    add_question("CM01", "00", 1, 0);
    add_connection("10.0.0.99", 101, "closed");  /* another server */
    add_connection("10.0.0.12", 99, "closed");   /* before */
    add_connection("10.0.0.12", 500, "closed");  /* long after */
    add_connection("10.0.0.12", 101, "refused"); /* nothing came of it */
    assert_int_equal(judge("NAM-1")->verdict, VERDICT_NOTOBSERVED);
    add_connection("10.0.0.12", 101, "closed");
    expect("NAM-1", VERDICT_FAIL, "found by WINS, and then connected to");
}

static void broadcasts_and_unknown_names_are_no_wins(void **state)
{
    (void)state;
    add_question("MP_PRI", "1A", 0, 0);  /* by broadcast */
    add_question("SMS_SLP", "1A", 1, 3); /* no such name */
    add_question("MP_PRI", "20", 1, 0);  /* a computer that is called so */
    add_question("OTHER", "1A", 1, 0);
    add_connection("10.0.0.12", 101, "closed");
    assert_int_equal(judge("NAM-1")->verdict, VERDICT_NOTOBSERVED);
}

static void a_client_that_looks_for_its_site_over_netbios_fails(void **state)
{
    (void)state;
    assert_int_equal(judge("CLA-3")->verdict, VERDICT_NOTOBSERVED);
    add_question("MP_PRI", "20", 1, 0); /* a computer that is called so */
    add_question("OTHER", "1A", 1, 0);
    assert_int_equal(judge("CLA-3")->verdict, VERDICT_NOTOBSERVED);
    add_question("SMS_SLP", "1A", 0, INT_NULL);
    expect("CLA-3", VERDICT_FAIL, "looks for a site system over NetBIOS");
    assert_int_equal(judge("CLA-3")->grade, GRADE_STRONG);
}

static void a_site_system_that_asks_over_netbios_is_no_client(void **state)
{
    (void)state;
    add_question("MP_PRI", "1A", 1, 0);
    struct name_query_row row = name_query_row_null();
    row.packet = 1;
    row.protocol = TEXT("nbns");
    row.operation = TEXT("registration");
    row.client = TEXT("10.0.0.101");
    row.name = TEXT("MP_PRI");
    row.suffix = TEXT("1A");
    add(TABLE_name_query, &row);
    assert_int_equal(judge("CLA-3")->verdict, VERDICT_NOTOBSERVED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_sql_login_that_the_site_database_took_fails, open_bench, close_bench),
        cmocka_unit_test_setup_teardown(a_site_system_found_by_wins_and_connected_to_fails, open_bench, close_bench),
        cmocka_unit_test_setup_teardown(broadcasts_and_unknown_names_are_no_wins, open_bench, close_bench),
        cmocka_unit_test_setup_teardown(a_client_that_looks_for_its_site_over_netbios_fails, open_bench, close_bench),
        cmocka_unit_test_setup_teardown(a_site_system_that_asks_over_netbios_is_no_client, open_bench, close_bench),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
