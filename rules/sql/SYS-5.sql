-- SYS-5: the share ADMIN$ of site systems is there.
--
-- Decides: what a site system answers to who connects to its share ADMIN$: that there is no such share, while another share
-- of it can be had (fail, proof). Refused access is a question of rights, and shows that the share is there. Passes if every
-- site system that is known, but site servers, was seen to have it, and nothing was missed.
-- Cannot be told: a share that nobody asked for, or inside SMB that is encrypted.
WITH
asked AS (
    SELECT smb_tree.id, min(smb_tree.packet) AS packet, smb_tree.time, system.host, smb_tree.client, system.source,
           smb_tree.status IN ('SUCCESS', 'ACCESS_DENIED') AS there
    FROM system JOIN smb_tree ON smb_tree.server = system.host
    WHERE upper(smb_tree.share) = 'ADMIN$'
      AND smb_tree.status IN ('SUCCESS', 'ACCESS_DENIED', 'BAD_NETWORK_NAME', 'BAD_NETWORK_PATH')
    GROUP BY system.host, smb_tree.status IN ('SUCCESS', 'ACCESS_DENIED')
),
doubt AS (
    SELECT EXISTS (SELECT 1 FROM system
                   WHERE host NOT IN (SELECT host FROM asked WHERE there)
                     AND host NOT IN (SELECT host FROM role WHERE role = 'site_server' AND host IS NOT NULL))
        OR EXISTS (SELECT 1 FROM coverage WHERE incomplete = 1 AND value > 0) AS any
)
SELECT 'fail' AS result,
       CASE WHEN EXISTS (SELECT 1 FROM smb_tree WHERE smb_tree.server = asked.host AND smb_tree.status = 'SUCCESS')
            THEN 'proof' ELSE 'hint' END AS grade,
       'smb_tree' AS evidence, id AS row, packet, time, client || ' -> ' || host AS subject,
       'a site system has no share ADMIN$' AS why, source AS rests_on
FROM asked
WHERE NOT there AND host NOT IN (SELECT host FROM asked WHERE there)
UNION ALL
SELECT 'pass', CASE WHEN (SELECT any FROM doubt) THEN 'hint' ELSE 'proof' END, 'smb_tree', id, packet, time,
       client || ' -> ' || host,
       CASE WHEN (SELECT any FROM doubt) THEN 'a site system has the share ADMIN$; not so, or not known, of all site systems'
            ELSE 'a site system has the share ADMIN$' END, source
FROM asked
WHERE there
