-- NAM-1: site systems are found without WINS.
--
-- Decides, for breaches only: a question to a WINS server for a name of a management point or server locator point
-- (suffix 1A), its answer, and a connection of the same client to the address in it within a minute (fail). The
-- question and its answer alone are a hint, since nothing shows that the client relied on it.
-- Management points register in WINS by themselves, so registrations are no breach.
-- Cannot be told: whether clients would use WINS, where none of them was seen to start. So nothing passes.
WITH
asked AS (
    SELECT id, packet, time, client, name || '<1A> asked of ' || server AS subject
    FROM name_query
    WHERE protocol = 'nbns' AND operation = 'query' AND suffix = '1A' AND unicast = 1 AND rcode = 0
      AND packet < reply_packet
      AND (upper(name) GLOB 'MP_???' OR upper(name) GLOB 'SMS_MP_???' OR upper(name) GLOB 'NLB_???'
           OR upper(name) IN ('SMS_SLP', 'SMS_NLB_MP'))
),
followed AS (
    SELECT DISTINCT asked.id
    FROM asked
    JOIN name_answer ON name_answer.query = asked.id AND name_answer.section = 'answer'
    JOIN flow ON flow.src = asked.client
    WHERE flow.proto = 'tcp' AND flow.state NOT IN ('refused', 'unanswered')
      AND flow.start BETWEEN asked.time AND asked.time + 60
      AND instr(',' || name_answer.value || ',', ',' || flow.dst || ',') > 0
)
SELECT 'fail' AS result, CASE WHEN id IN (SELECT id FROM followed) THEN 'proof' ELSE 'hint' END AS grade,
       'name_query' AS evidence, id AS row, packet, time, client || ': ' || subject AS subject,
       CASE WHEN id IN (SELECT id FROM followed) THEN 'a site system was found by WINS, and then connected to'
            ELSE 'a site system was looked for in WINS; no connection to the answer was seen' END AS why
FROM asked
