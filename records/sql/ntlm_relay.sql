-- ntlm_relay: server challenges that came back in an authentication to another host (MS-NLMP 5.1: the challenge is 8 random bytes).
--
-- A challenge is compared with the first of its kind only, so rows are never more than those of ntlm. One server that gives the
-- same challenge to all is left out: it has a fixed one and proves nothing.
WITH issued AS ( -- min() takes the other columns of its row
    SELECT min(challenge_packet), id, challenge, client, server, user FROM ntlm
    WHERE challenge IS NOT NULL AND challenge_packet IS NOT NULL
    GROUP BY challenge
)
SELECT r.packet, r.time, r.challenge, i.id AS issued, r.id AS repeated, i.server AS issued_by, i.client AS issued_to,
       r.server AS repeated_by, r.client AS repeated_to, coalesce(nullif(r.user, ''), nullif(i.user, '')) AS user,
       CASE WHEN r.server = i.client THEN 'proof' ELSE 'hint' END AS grade
FROM issued i JOIN ntlm r ON r.challenge = i.challenge
WHERE r.id <> i.id AND r.server <> i.server AND r.challenge_packet IS NOT NULL
ORDER BY r.packet, r.id
