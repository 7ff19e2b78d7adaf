// Sections 14.4, 15 and 16: checkpoints, surrenders, keyrings, changes of the root, retired keys.
import { fromB64u, kindOf, member, need, refuse, time, u32, utf8, concat, Refusal } from './encoding.mjs';
import { document, identityOf, signed, split, thumbprint } from './signed.mjs';
import { issuedWithin, nonceOk, verifyCertificate } from './licence.mjs';
import { readHead, verifyLogProof } from './log.mjs';

// 15 Surrender
const HANDED = 'handover licence licence_hash device iat';
async function handed(claims, device) {
  need(member(claims, 'device', 'string') === device, 'bad_signature', 'another device');
  return { handover: member(claims, 'handover', 'string'), licence: member(claims, 'licence', 'string'),
    hash: member(claims, 'licence_hash', 'string'), issued: time(claims, 'iat') };
}
export async function verifySurrender(jws, identity) {
  return handed(await document(jws, identity, 'surrender', HANDED), await thumbprint(identity));
}
export async function verifySurrenderRequest(jws, issuer, { device, nonce }) {
  nonceOk(nonce);
  const claims = await document(jws, issuer, 'surrender-request', `${HANDED} kind package nonce`);
  const said = await handed(claims, device);
  need(member(claims, 'nonce', 'string') === nonce, 'bad_signature', 'an older answer');
  const kind = member(claims, 'kind', 'string');
  need(['loan', 'gift', 'transfer', 'return'].includes(kind), 'bad_format', 'an unknown handover');
  return { ...said, kind, package: member(claims, 'package', 'string') };
}

// 16.1 Keyring
const sequenceOf = (claims) => {
  need(member(claims, 'sequence', 'number') >= 0, 'bad_format', 'a sequence below zero');
  return claims.sequence;
};
export async function verifyKeyring(jws, root, lowest = 0) {
  const claims = await document(jws, root, 'keyring', 'sequence iat issuers retired');
  const sequence = sequenceOf(claims);
  need(sequence >= lowest, 'bad_signature', 'an older keyring');
  const [listed, retired] = [member(claims, 'issuers', 'list'), member(claims, 'retired', 'object')];
  need(listed.length >= 1 && listed.length <= 256 && listed.every((one) => typeof one === 'string'),
    'bad_format', 'a keyring lists 1 to 256 certificates');
  const issuers = [];
  for (const one of listed) issuers.push(await verifyCertificate(one, root));
  const kids = issuers.map(({ kid }) => kid);
  need(new Set(kids).size === kids.length && Object.keys(retired).every((kid) => kids.includes(kid)),
    'bad_format', 'a key named twice, or retired and not listed');
  const since = Object.keys(retired).map((kid) => [kid, time(retired, kid)]);
  return { sequence, issued: time(claims, 'iat'), issuers, retired: new Map(since) };
}
export function keyringIssuer(keyring, token) {
  const kid = member(split(token).header, 'kid', 'string');
  return keyring.issuers.find((one) => one.kid === kid) ?? refuse('bad_signature', 'no key of this shop');
}

// 16.2 Change of the root
export async function verifyRootChange(jws, root) {
  const claims = await document(jws, root, 'root', 'sequence iat old new acceptance');
  const sequence = sequenceOf(claims);
  time(claims, 'iat');
  const [old, next] = [identityOf(claims.old), identityOf(claims.new)];
  need(String(old) === String(root) && String(next) !== String(old), 'bad_format', 'it names the wrong keys');
  const statement = concat(utf8('geobuk-root-acceptance-v1\0'), old, next,
    u32(Math.floor(sequence / 2 ** 32)), u32(sequence % 2 ** 32));
  await signed(next, fromB64u(claims.acceptance), statement);
  return { sequence, next };
}
export async function followRoots(changes, pinned) {
  need(changes.length <= 64, 'bad_format', 'too many changes of the root');
  for (let root = pinned, last = -1; ;) {
    const steps = [];
    for (const change of changes) {
      const step = await verifyRootChange(change, root).catch((error) => {
        if (!(error instanceof Refusal)) throw error;
      });
      if (step && step.sequence > last) steps.push(step);
    }
    if (!steps.length) return root;
    need(new Set(steps.map(({ next }) => String(next))).size === 1, 'bad_signature', 'two keys follow one');
    [root, last] = [steps[0].next, Math.min(...steps.map(({ sequence }) => sequence))];
  }
}

// 14.4 Checkpoint, 16.3 Retired keys
export const verifyCheckpoint = (jws, root) => readHead(jws, root, 'checkpoint');
export async function judgeIssuer(token, issued, { keyring, now, stored, proof, root }) {
  const certificate = keyringIssuer(keyring, token);
  issuedWithin(certificate, issued);
  if (stored || !(keyring.retired.has(certificate.kid) || certificate.expires < now)) return certificate;
  const found = kindOf(proof) === 'object' && (await verifyLogProof(proof, root, token, verifyCheckpoint)
    .catch((error) => { if (!(error instanceof Refusal)) throw error; }));
  need(found, 'retired_issuer', 'signed by a retired key, and in no checkpoint');
  return certificate;
}
