-- RSC-3: no clients of workgroups, or of other forests.
--
-- Decides, where the site file declares the home forest: the full name that a client registered with. A name in another declared
-- forest, in no declared one, or without a domain, fails (strong). An NTLM logon to a site system in the name of the computer
-- itself, as computers of a workgroup make it, is a hint: local accounts look the same.
-- Passes if all clients that registered are of the home forest and were seen to use Kerberos, provided that they are many
-- (threshold) and nothing was missed.
-- Left out: boot media (Windows PE is in no domain). Cannot be told: clients whose registration is hidden by TLS.
WITH
threshold AS (
    SELECT 20 AS clients -- fewer say nothing about all
),
forest AS (
    SELECT '.' || lower(name) AS suffix, relation FROM site_forest
),
home AS (
    SELECT EXISTS (SELECT 1 FROM forest WHERE relation = 'home') AS known
),
client AS (
    SELECT id, min(packet) AS packet, time, client, coalesce(netbios, fqdn, '?') || ' (' || client || ')' AS subject,
           coalesce(fqdn, netbios) AS name
    FROM registration
    WHERE coalesce(agent_type, 0) = 0 AND status IN (0, 1) AND coalesce(fqdn, netbios) <> ''
    GROUP BY client, lower(coalesce(fqdn, netbios))
),
-- Of forests whose names end alike the longest counts.
placed AS (
    SELECT client.*,
           (SELECT relation FROM forest WHERE lower('.' || client.name) LIKE '%' || forest.suffix
            ORDER BY length(suffix) DESC LIMIT 1) AS relation
    FROM client
),
doubt AS (
    SELECT (SELECT count(DISTINCT client) FROM placed) < (SELECT clients FROM threshold)
        OR EXISTS (SELECT 1 FROM placed WHERE relation IS NOT 'home')
        OR EXISTS (SELECT 1 FROM placed WHERE client NOT IN (SELECT host FROM kerberos WHERE host IS NOT NULL))
        OR EXISTS (SELECT 1 FROM coverage WHERE incomplete = 1 AND value > 0) AS any
)
SELECT 'fail' AS result, 'strong' AS grade, 'registration' AS evidence, id AS row, packet, time, subject,
       CASE WHEN instr(name, '.') = 0 THEN 'a client registered without a domain in its name, as one of a workgroup does'
            WHEN relation IS NULL THEN 'a client registered with a name that is in no declared forest'
            ELSE 'a client of another forest registered' END AS why,
       'declared' AS rests_on
FROM placed
WHERE (SELECT known FROM home) AND relation IS NOT 'home'
UNION ALL
SELECT 'fail', 'hint', 'ntlm', ntlm.id, min(ntlm.packet), ntlm.time, ntlm.client || ' as ' || ntlm.domain || '\' || ntlm.user,
       'a client logs on in the name of its own computer, as one of a workgroup does', system.source
FROM system JOIN ntlm ON ntlm.server = system.host
WHERE ntlm.domain <> '' AND upper(ntlm.domain) = upper(ntlm.workstation) AND ntlm.user <> ''
  AND ntlm.client IN (SELECT host FROM role WHERE role = 'client' AND host IS NOT NULL)
GROUP BY ntlm.client
UNION ALL
SELECT 'pass', CASE WHEN (SELECT any FROM doubt) THEN 'hint' ELSE 'strong' END, 'registration', id, packet, time, subject,
       CASE WHEN (SELECT any FROM doubt)
            THEN 'a client of the home forest registered; too little was seen to say so of all clients'
            ELSE 'a client of the home forest registered' END, 'declared'
FROM placed
WHERE relation = 'home'
