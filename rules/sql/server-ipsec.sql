-- RSC-4, COM-5: IPsec between site systems, on each kind of link.
--
-- Decides: two site systems, or two hosts that the site file declares for IPsec, that exchange readable SMB, RPC, TDS or
-- LDAP outside of IPsec (fail, proof where they are declared); IPsec without encryption between hosts that are
-- declared for encryption (fail); keys agreed with DES, MD5 or a shared secret, or by algorithms that the site file does
-- not accept (fail, strong).
-- Passes if every pair that the site file declares was seen under IPsec in both directions, with encryption where that is
-- wanted, and nothing else was seen between them but Kerberos and IKE; if no other two site systems exchanged anything
-- outside of IPsec; and if nothing was missed.
-- Not a breach, but no IPsec either: SMB with encryption, TLS. Domain controllers count only where they are declared.
-- Cannot be told: which pairs should be protected and exchanged nothing in this capture; tunnels of gateways elsewhere.
WITH
declared AS (
    SELECT id, line, min(host, peer) AS a, max(host, peer) AS b, coalesce(protection, 'encryption') AS protection,
           ',' || replace(lower(algorithms), ' ', '') || ',' AS algorithms
    FROM site_ipsec
),
exchange AS (
    SELECT id, packet, time, src, dst, app, min(src, dst) AS a, max(src, dst) AS b,
           coalesce(bytes_clear, 0) AS clear, coalesce(bytes_signed, 0) AS signed,
           coalesce(bytes_sealed, 0) + coalesce(bytes_tls, 0) AS hidden,
           coalesce(bytes_ipsec_clear, 0) AS readable, coalesce(bytes_ipsec, 0) AS ipsec
    FROM host_pair
),
-- What the hosts of a declared pair, or two site systems, exchanged.
between_servers AS (
    SELECT exchange.*, 'declared' AS source, declared.protection
    FROM declared JOIN exchange ON exchange.a = declared.a AND exchange.b = declared.b
    UNION ALL
    SELECT exchange.*, max(one.source, other.source), NULL
    FROM system one JOIN exchange ON exchange.src = one.host JOIN system other ON other.host = exchange.dst
    WHERE one.host <> other.host
      AND NOT EXISTS (SELECT 1 FROM declared WHERE declared.a = exchange.a AND declared.b = exchange.b)
),
-- The first conversation of each kind that was readable outside of IPsec.
open_flow AS (
    SELECT flow.src, flow.dst, flow.app, flow.id, min(flow.packet) AS packet, flow.time
    FROM flow
    WHERE flow.app IN ('smb', 'rpc', 'tds', 'ldap') AND coalesce(flow.ipsec, 'mixed') = 'mixed'
      AND flow.id NOT IN (SELECT flow FROM smb WHERE encrypted = 1 AND flow IS NOT NULL)
    GROUP BY flow.src, flow.dst, flow.app
),
-- Keys: what was agreed on, or what was only proposed.
agreed AS (
    SELECT ike.id, ike.packet, ike.time, ike.src, ike.dst, coalesce(ike.response, 0) AS chosen,
           lower(ike.proposals) AS proposals, ',' || lower(coalesce(ike.weak, '')) || ',' AS weak,
           ',' || lower(coalesce(ike.authentication, '')) || ',' AS authentication,
           min(ike.src, ike.dst) AS a, max(ike.src, ike.dst) AS b
    FROM ike
    WHERE ike.proposals IS NOT NULL
),
keys AS (
    SELECT agreed.*, 'declared' AS source, declared.algorithms
    FROM declared JOIN agreed ON agreed.a = declared.a AND agreed.b = declared.b
    UNION ALL
    SELECT agreed.*, max(one.source, other.source), NULL
    FROM system one JOIN agreed ON agreed.src = one.host JOIN system other ON other.host = agreed.dst
    WHERE NOT EXISTS (SELECT 1 FROM declared WHERE declared.a = agreed.a AND declared.b = agreed.b)
),
weak_keys AS (
    SELECT id, packet, time, src, dst, chosen, source,
           CASE WHEN authentication LIKE '%,psk,%' THEN 'keys of IPsec are agreed by a shared secret'
                WHEN weak LIKE '%,des-%' OR weak LIKE '%,des,%' THEN 'keys of IPsec are agreed under DES'
                WHEN weak LIKE '%md5%' THEN 'keys of IPsec are agreed with MD5'
                ELSE 'keys of IPsec are agreed by algorithms that are not accepted' END AS why
    FROM keys
    WHERE authentication LIKE '%,psk,%' OR weak LIKE '%,des-%' OR weak LIKE '%,des,%' OR weak LIKE '%md5%'
       OR EXISTS (SELECT 1 FROM json_each('["' || replace(replace(proposals, ';', '/'), '/', '","') || '"]') AS part
                  WHERE instr(algorithms, ',' || trim(part.value) || ',') = 0)
),
-- A declared pair is guarded when both directions are, as it is wanted, and nothing else was seen.
guarded AS (
    SELECT declared.id, declared.a, declared.b, min(ipsec.packet) AS packet, ipsec.time, ipsec.id AS row
    FROM declared JOIN ipsec ON ipsec.src IN (declared.a, declared.b) AND ipsec.dst IN (declared.a, declared.b)
    GROUP BY declared.id
    HAVING count(DISTINCT ipsec.src) = 2
       AND min(CASE WHEN declared.protection = 'integrity' THEN 1 ELSE ipsec.null_encryption IS 0 END) = 1
),
stray AS (
    SELECT a, b
    FROM between_servers
    WHERE app NOT IN ('kerberos', 'ike') AND clear + signed + hidden > 0
),
doubt AS (
    SELECT EXISTS (SELECT 1 FROM declared WHERE id NOT IN (SELECT id FROM guarded))
        OR EXISTS (SELECT a FROM stray)
        OR EXISTS (SELECT 1 FROM between_servers WHERE protection IS NULL AND app NOT IN ('kerberos', 'ike')
                   AND clear + signed + hidden + readable > 0)
        OR EXISTS (SELECT id FROM weak_keys)
        OR EXISTS (SELECT 1 FROM coverage WHERE incomplete = 1 AND value > 0) AS any
)
SELECT 'fail' AS result, 'proof' AS grade, 'flow' AS evidence, open_flow.id AS row, open_flow.packet, open_flow.time,
       src || ' -> ' || dst AS subject,
       upper(app) || CASE WHEN clear > 0 THEN ' between servers can be read, outside of IPsec'
                          ELSE ' between servers is signed, but can be read, outside of IPsec' END AS why,
       source AS rests_on
FROM between_servers JOIN open_flow USING (src, dst, app)
WHERE clear + signed > 0
UNION ALL
SELECT 'fail', 'proof', 'ipsec', ipsec.id, ipsec.packet, ipsec.time, ipsec.src || ' -> ' || ipsec.dst,
       'IPsec between servers does not encrypt, and the site file wants encryption', 'declared'
FROM declared JOIN ipsec ON ipsec.src IN (declared.a, declared.b) AND ipsec.dst IN (declared.a, declared.b)
WHERE declared.protection = 'encryption' AND ipsec.null_encryption = 1
UNION ALL
SELECT 'notobserved', 'hint', 'host_pair', id, packet, time, src || ' -> ' || dst,
       'IPsec between servers guards against changes only: it does not encrypt', NULL
FROM between_servers
WHERE protection IS NULL AND readable > 0
UNION ALL
SELECT 'fail', CASE chosen WHEN 1 THEN 'strong' ELSE 'hint' END, 'ike', id, min(packet), time, src || ' -> ' || dst,
       why, source
FROM weak_keys
GROUP BY src, dst, why, chosen
UNION ALL
SELECT 'notobserved', 'hint', 'host_pair', id, packet, time, src || ' -> ' || dst,
       upper(app) || ' between servers is encrypted, but not by IPsec', NULL
FROM between_servers
WHERE app IN ('smb', 'rpc', 'tds', 'ldap', 'tls') AND clear + signed = 0 AND hidden > 0
UNION ALL
SELECT 'pass', CASE WHEN (SELECT any FROM doubt) THEN 'hint' ELSE 'proof' END, 'ipsec', row, packet, time,
       a || ' and ' || b,
       CASE WHEN (SELECT any FROM doubt) THEN 'all that was seen between two servers is in IPsec; not so, or not known, of all'
            ELSE 'all that was seen between two servers is in IPsec' END, 'declared'
FROM guarded
WHERE NOT EXISTS (SELECT 1 FROM stray WHERE stray.a = guarded.a AND stray.b = guarded.b)
