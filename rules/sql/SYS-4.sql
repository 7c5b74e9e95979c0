-- SYS-4: site systems use NTFS.
--
-- Decides: the file system that a site system reports of a share with files (proof): FAT fails. Passes if every site system
-- that is known reports NTFS, ReFS or a cluster volume of at least one share, and nothing was missed.
-- Cannot be told: other volumes; SMB sessions that are encrypted, or that nobody asked for the file system. Storage appliances
-- say NTFS without being it.
WITH
share AS (
    SELECT smb_tree.id, min(smb_tree.packet) AS packet, smb_tree.time, system.host, smb_tree.share, system.source,
           upper(smb_tree.file_system) AS kind
    FROM system JOIN smb_tree ON smb_tree.server = system.host
    WHERE smb_tree.file_system <> '' AND coalesce(smb_tree.type, 'disk') = 'disk' AND smb_tree.share <> 'IPC$'
    GROUP BY system.host, smb_tree.share, upper(smb_tree.file_system)
),
doubt AS (
    SELECT EXISTS (SELECT 1 FROM system WHERE host NOT IN (SELECT host FROM share WHERE kind IN ('NTFS', 'REFS', 'CSVFS')))
        OR EXISTS (SELECT 1 FROM coverage WHERE incomplete = 1 AND value > 0) AS any
)
SELECT 'fail' AS result, 'proof' AS grade, 'smb_tree' AS evidence, id AS row, packet, time, host || ' ' || share AS subject,
       'a share of a site system is on ' || kind || ', which knows no permissions' AS why, source AS rests_on
FROM share
WHERE kind LIKE 'FAT%' OR kind = 'EXFAT'
UNION ALL
SELECT 'pass', CASE WHEN (SELECT any FROM doubt) THEN 'hint' ELSE 'proof' END, 'smb_tree', id, packet, time,
       host || ' ' || share,
       CASE WHEN (SELECT any FROM doubt)
            THEN 'a share of a site system is on ' || kind || '; not so, or not known, of all site systems'
            ELSE 'a share of a site system is on ' || kind END, source
FROM share
WHERE kind IN ('NTFS', 'REFS', 'CSVFS')
