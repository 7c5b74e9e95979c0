-- FSP-4, SLP-1: no fallback status point, and no server locator point, stands in the perimeter network.
--
-- Decides, where the site file declares networks: the network that the address of such a point lies in; of several the
-- narrowest counts. In a perimeter or Internet network it fails, with the grade by which the role is known. It passes if
-- every one that is known lies in another declared network and at least one was declared or answered, and nothing was
-- missed.
-- Cannot be told: without declared networks nothing; one that a translation of addresses publishes to the Internet.
WITH
asked AS (
    SELECT CASE :rule WHEN 'FSP-4' THEN 'fallback_status_point' ELSE 'server_locator_point' END AS role
),
point AS (
    SELECT id, packet, time, host, source, grade, 'a ' || replace(role, '_', ' ') AS name
    FROM role JOIN asked USING (role)
    WHERE is_ip(host) = 1 AND grade <> 'hint'
),
placed AS (
    SELECT point.*, site_subnet.kind, site_subnet.network,
           max(CAST(substr(site_subnet.network, instr(site_subnet.network, '/') + 1) AS INTEGER)) AS narrowest
    FROM point JOIN site_subnet ON ip_in(point.host, site_subnet.network) = 1
    GROUP BY point.id
),
doubt AS (
    SELECT EXISTS (SELECT 1 FROM point WHERE id NOT IN (SELECT id FROM placed))
        OR EXISTS (SELECT 1 FROM site_tap WHERE translation IN ('nat', 'proxy'))
        OR NOT EXISTS (SELECT 1 FROM site_subnet WHERE kind = 'perimeter')
        OR EXISTS (SELECT 1 FROM coverage WHERE incomplete = 1 AND value > 0) AS any
)
SELECT 'fail' AS result, grade, 'role' AS evidence, id AS row, packet, time, host || ' in ' || network AS subject,
       name || ' stands in a network declared as ' || kind AS why, source AS rests_on
FROM placed
WHERE kind IN ('perimeter', 'internet')
UNION ALL
SELECT 'pass', CASE WHEN (SELECT any FROM doubt) THEN 'hint' ELSE 'strong' END, 'role', id, packet, time,
       host || ' in ' || network, name || ' stands in a network declared as ' || kind, source
FROM placed
WHERE kind NOT IN ('perimeter', 'internet')
UNION ALL
SELECT 'notobserved', 'hint', 'role', id, packet, time, host,
       name || ' is known, but no network is declared that its address lies in', NULL
FROM point
WHERE id NOT IN (SELECT id FROM placed)
