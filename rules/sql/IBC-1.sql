-- IBC-1: the proxy in front of Internet-based site systems ends TLS, authenticates the client, and opens TLS of its own.
--
-- Decides, where the site file declares the proxy (or networks as the Internet): the same random of a ClientHello on both sides:
-- TLS is passed through (tunnelling: fail, proof); a proxy that speaks HTTP in clear to a site system (fail, proof); a proxy
-- that ends TLS of a client and, as its readable handshake shows, asks for no certificate (fail, strong).
-- Passes if both sides of every declared proxy were seen with handshakes of their own, the client proved a certificate to
-- the proxy and the proxy one to the site system, and nothing was missed.
-- Cannot be told: what stands in between where only one side was captured; handshakes of TLS 1.3 and renegotiations that
-- were not decrypted.
WITH
proxy AS (
    SELECT DISTINCT host FROM site_role WHERE role = 'proxy' AND host IS NOT NULL
),
outer_leg AS (
    SELECT tls.*, tls.server IN (SELECT host FROM proxy) AS to_proxy
    FROM tls
    WHERE (tls.server IN (SELECT host FROM proxy)
           OR EXISTS (SELECT 1 FROM site_subnet WHERE kind = 'internet' AND ip_in(tls.client, network) = 1))
      AND tls.client NOT IN (SELECT host FROM system)
),
inner_leg AS (
    SELECT tls.*, system.source
    FROM system JOIN tls ON tls.server = system.host
    WHERE tls.client IN (SELECT host FROM proxy)
),
tunnel AS (
    SELECT inside.id, min(inside.packet) AS packet, inside.time, outer_leg.client, outer_leg.server AS proxy, inside.server
    FROM outer_leg JOIN tls inside ON inside.client_random = outer_leg.client_random
    WHERE inside.id <> outer_leg.id AND inside.server IN (SELECT host FROM system)
      AND (inside.server <> outer_leg.server OR inside.client <> outer_leg.client)
      AND outer_leg.server NOT IN (SELECT host FROM system)
    GROUP BY outer_leg.server, inside.server
),
clear AS (
    SELECT http.id, min(http.packet) AS packet, http.time, http.client, http.server
    FROM http
    WHERE http.client IN (SELECT host FROM proxy) AND http.tls = 0
      AND http.service IN ('mp', 'mp-upload', 'mp-policy', 'mp-auth', 'mp-token', 'dp')
      AND (http.status BETWEEN 200 AND 299 OR http.status IN (304, 401))
    GROUP BY http.client, http.server
),
unproved AS (
    SELECT id, min(packet) AS packet, time, client, server
    FROM outer_leg
    WHERE to_proxy AND complete = 1 AND coalesce(resumed, 0) = 0 AND coalesce(renegotiated, 0) = 0 AND client_bytes > 0
      AND certificate_requested = 0
    GROUP BY server
),
bridge AS (
    SELECT inner_leg.id, min(inner_leg.packet) AS packet, inner_leg.time, inner_leg.client, inner_leg.server, inner_leg.source
    FROM inner_leg
    WHERE inner_leg.client_verified = 1
      AND EXISTS (SELECT 1 FROM outer_leg WHERE outer_leg.server = inner_leg.client AND outer_leg.client_verified = 1)
    GROUP BY inner_leg.client, inner_leg.server
),
doubt AS (
    SELECT EXISTS (SELECT 1 FROM proxy WHERE host NOT IN (SELECT client FROM bridge))
        OR EXISTS (SELECT id FROM tunnel) OR EXISTS (SELECT id FROM clear)
        OR EXISTS (SELECT 1 FROM outer_leg WHERE to_proxy AND client_verified IS NOT 1 AND coalesce(resumed, 0) = 0)
        OR EXISTS (SELECT 1 FROM inner_leg WHERE client_verified IS NOT 1 AND coalesce(resumed, 0) = 0)
        OR EXISTS (SELECT 1 FROM coverage WHERE incomplete = 1 AND value > 0) AS any
)
SELECT 'fail' AS result, 'proof' AS grade, 'tls' AS evidence, id AS row, packet, time,
       client || ' -> ' || proxy || ' -> ' || server AS subject,
       'TLS of a client on the Internet is passed through to the site system' AS why, 'declared' AS rests_on
FROM tunnel
UNION ALL
SELECT 'fail', 'proof', 'http', id, packet, time, client || ' -> ' || server,
       'the proxy speaks HTTP in clear to a site system', 'declared'
FROM clear
UNION ALL
SELECT 'fail', 'strong', 'tls', id, packet, time, client || ' -> ' || server,
       'the proxy ends TLS of clients and asks them for no certificate', 'declared'
FROM unproved
UNION ALL
SELECT 'pass', CASE WHEN (SELECT any FROM doubt) THEN 'hint' ELSE 'proof' END, 'tls', id, packet, time,
       client || ' -> ' || server,
       CASE WHEN (SELECT any FROM doubt)
            THEN 'the proxy authenticates clients and opens TLS of its own; not so, or not known, of all'
            ELSE 'the proxy authenticates clients and opens TLS of its own' END, source
FROM bridge
