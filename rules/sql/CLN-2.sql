-- CLN-2: distribution points serve clients by BITS, not by shares.
--
-- Decides: a client that reads more than 64 KB of content from a package share of a distribution point over SMB (fail,
-- proof). Site systems read such shares to fill others, declared consoles to manage them, and branch distribution points
-- serve them by design: the last two are hints, the first does not count.
-- Passes if at every distribution point that is known a client downloaded by BITS, no content was read over SMB, and
-- nothing was missed.
-- Cannot be told: downloads inside TLS that was not decrypted, and SMB that is encrypted.
WITH
threshold AS (
    SELECT 65536 AS bytes -- less may be somebody who looks
),
read AS (
    SELECT smb_tree.id, min(smb_tree.packet) AS packet, smb_tree.time, smb_tree.client, smb_tree.server, smb_tree.share,
           smb_tree.client IN (SELECT host FROM site_admin WHERE kind = 'console' AND host IS NOT NULL) AS console,
           smb_tree.server IN (SELECT host FROM role WHERE role = 'client' AND host IS NOT NULL)
           AND smb_tree.server NOT IN (SELECT host FROM site_role) AS branch
    FROM smb_tree
    WHERE smb_tree.purpose IN ('package', 'content-library') AND smb_tree.client NOT IN (SELECT host FROM system)
    GROUP BY smb_tree.client, smb_tree.server, smb_tree.share
    HAVING sum(smb_tree.read_bytes) > (SELECT bytes FROM threshold)
),
download AS (
    SELECT http.id, min(http.packet) AS packet, http.time, http.client, http.server
    FROM http
    WHERE http.service = 'dp' AND http.user_agent LIKE 'Microsoft BITS/%' AND http.method = 'GET' AND http.status IN (200, 206)
    GROUP BY http.server
),
point AS (
    SELECT host, min(source) AS source FROM role
    WHERE role = 'distribution_point' AND host IS NOT NULL AND grade <> 'hint'
    GROUP BY host
),
doubt AS (
    SELECT EXISTS (SELECT 1 FROM point WHERE host NOT IN (SELECT server FROM download))
        OR EXISTS (SELECT id FROM read)
        OR EXISTS (SELECT 1 FROM coverage WHERE incomplete = 1 AND value > 0) AS any
)
SELECT 'fail' AS result, CASE WHEN console OR branch THEN 'hint' ELSE 'proof' END AS grade, 'smb_tree' AS evidence, id AS row,
       packet, time, client || ' -> ' || server || ' ' || share AS subject,
       CASE WHEN console THEN 'a declared console reads content from a package share'
            WHEN branch THEN 'a client reads content from a share of another client, as branch distribution points have'
            ELSE 'a client reads content from a package share, not by BITS' END AS why,
       CASE WHEN console THEN 'declared' END AS rests_on
FROM read
UNION ALL
SELECT 'pass', CASE WHEN (SELECT any FROM doubt) THEN 'hint' ELSE 'proof' END, 'http', download.id, download.packet,
       download.time, download.client || ' -> ' || download.server,
       CASE WHEN (SELECT any FROM doubt)
            THEN 'a client downloads content by BITS; not so, or not known, of all distribution points'
            ELSE 'a client downloads content by BITS' END, point.source
FROM download JOIN point ON point.host = download.server
