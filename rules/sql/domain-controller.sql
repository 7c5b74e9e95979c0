-- SIT-1, FSP-2: neither the site server nor the fallback status point is on a domain controller.
--
-- Decides: a site server (fallback status point) whose address also answers as a domain controller (Kerberos tickets,
-- logon questions, its directory), or is declared as one (fail; proof where both roles are declared).
-- Passes if each one that is known took connections here and did not answer like that, while other hosts did, to
-- many clients (threshold), and nothing was missed.
-- Cannot be told: a domain controller that nobody asked anything in this capture.
WITH
threshold AS (
    SELECT 20 AS clients -- fewer do not show that the others would not have asked this host
),
asked AS (
    SELECT CASE :rule WHEN 'FSP-2' THEN 'fallback_status_point' ELSE 'site_server' END AS role,
           CASE :rule WHEN 'FSP-2' THEN 'the fallback status point' ELSE 'the site server' END AS name
),
server AS (
    SELECT host, min(source) AS source, asked.name -- declared goes before learned
    FROM role JOIN asked USING (role)
    WHERE host IS NOT NULL AND grade <> 'hint'
    GROUP BY host
),
controller AS (
    SELECT 'role' AS evidence, id AS row, packet, time, host, source, grade, why
    FROM role
    WHERE role = 'domain_controller' AND host IS NOT NULL AND grade <> 'hint'
    UNION ALL
    SELECT 'site_domain_controller', id, NULL, NULL, host, 'declared', 'proof', 'declared'
    FROM site_domain_controller
),
-- Those that were seen to take connections, with the first of them.
reached AS (
    SELECT server.host, server.source, server.name, flow.id, min(flow.packet) AS packet, flow.time
    FROM server JOIN flow ON flow.dst = server.host
    WHERE flow.state NOT IN ('refused', 'unanswered') AND flow.packets_in > 0
    GROUP BY server.host
),
doubt AS (
    SELECT EXISTS (SELECT 1 FROM server WHERE host NOT IN (SELECT host FROM reached))
        OR EXISTS (SELECT 1 FROM controller WHERE host IN (SELECT host FROM server))
        OR (SELECT count(DISTINCT flow.src) FROM flow
            WHERE flow.app IN ('kerberos', 'ldap') AND flow.packets_in > 0
              AND flow.dst IN (SELECT host FROM controller WHERE packet IS NOT NULL))
           < (SELECT clients FROM threshold)
        OR EXISTS (SELECT 1 FROM coverage WHERE incomplete = 1 AND value > 0) AS any
)
SELECT 'fail' AS result, controller.grade AS grade, controller.evidence, controller.row, controller.packet,
       controller.time, server.host AS subject, server.name || ' is a domain controller: ' || controller.why AS why,
       max(server.source, controller.source) AS rests_on -- learned comes after declared
FROM server JOIN controller ON controller.host = server.host
UNION ALL
SELECT CASE WHEN (SELECT any FROM doubt) THEN 'notobserved' ELSE 'pass' END,
       CASE WHEN (SELECT any FROM doubt) THEN 'hint' ELSE 'strong' END, 'flow', id, packet, time, host,
       CASE WHEN (SELECT any FROM doubt)
            THEN name || ' did not answer as a domain controller; too little was seen to say that it is none'
            ELSE name || ' takes connections, and other hosts answer as domain controllers' END,
       source
FROM reached
WHERE host NOT IN (SELECT host FROM controller)
