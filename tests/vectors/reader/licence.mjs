// Sections 6, 7, 8 and 13: licences, leases, statuses, certificates, and whether one opens.
import {
  LAST, canonical, concat, fromB64u, isNull, member, need, refuse, same, time, utf8,
} from './encoding.mjs';
import { commitment, document, hashOf, hpkeOpen, identityOf, sha256, split, thumbprint } from './signed.mjs';
import { checkKey } from './content.mjs';

// 6 Licence, 13 lease
export const leaseKey = (lease, keys) => unwrap(lease.claims, 'geobuk-lease-v1', keys);
export async function unwrap(claims, label, { sealingKey, suite = 'X25519' }) { // 6.4
  const wrapped = member(claims, 'wrapped_key', 'object');
  need(member(wrapped, 'suite', 'string') === suite, 'unsupported', 'another suite');
  const [enc, sealed] = [fromB64u(wrapped.enc), fromB64u(wrapped.ct)];
  need(suite === 'X25519', 'unsupported', `no suite ${suite} here`);
  const { wrapped_key: _, ...bound } = claims;
  const key = await hpkeOpen(sealingKey, enc, sealed,
    concat(utf8(label), await sha256(utf8(canonical(bound)))));
  need(key.length === 32, 'bad_format', 'a content key has 32 bytes');
  return key;
}
export function readRights(claims) { // 6.3
  const flag = (name) => name in claims && member(claims, name, 'boolean');
  const number = (from, name, lowest) => {
    if (from[name] === undefined || from[name] === null) return null;
    need(member(from, name, 'number') >= lowest, 'bad_format', `“${name}” is too small`);
    return from[name];
  };
  let lease = null;
  if (claims.lease !== undefined && claims.lease !== null) {
    const terms = member(claims, 'lease', 'object');
    lease = { duration: number(terms, 'duration', 1), grace: number(terms, 'grace', 0) ?? 0 };
    need(lease.duration !== null, 'bad_format', 'a lease has a duration');
  }
  const rights = { play: flag('play'), save: flag('save'), lease,
    window: number(claims, 'play_window', 1), count: number(claims, 'play_count', 1),
    startGrace: number(claims, 'play_start_grace', 0) ?? 0, soft: flag('soft_end'),
    hardCap: number(claims, 'hard_cap', 0) ?? 0, transfer: flag('transfer'), gift: flag('gift'),
    lend: claims.lend === true ? null : number(claims, 'lend', 1) };
  need(lease || (rights.window === null && rights.count === null), 'bad_format', 'a limit needs a lease');
  need(!(lease && rights.save), 'bad_format', 'a lease excludes saving');
  return rights;
}
export const LIMITS = { 'rights.lease': 'lease', 'rights.play_window': 'window', 'rights.play_count': 'count' };
export async function readLicence(jws, issuer) {
  const claims = await document(jws, issuer, 'licence', 'id issuer iat nbf exp sub device content ' +
    `rights wrapped_key links ${Object.keys(LIMITS).join(' ')}`);
  const content = member(claims, 'content', 'object');
  for (const name of ['id', 'issuer', 'sub', 'device']) member(claims, name, 'string');
  need(/^[\x00-\x7f]*$/.test(claims.device), 'bad_format', 'a thumbprint is ASCII');
  const links = Object.values(member(claims, 'links', 'object'));
  need(links.every((link) => typeof link === 'string'), 'bad_format', 'a link is no text');
  const rights = readRights(member(claims, 'rights', 'object'));
  for (const [name, right] of Object.entries(LIMITS)) {
    need(rights[right] === null || claims.crit?.includes(name), 'bad_format', `${name} is not critical`);
  }
  if (rights.lease) need(isNull(claims, 'wrapped_key'), 'bad_format', 'a leased licence holds a key');
  else member(member(claims, 'wrapped_key', 'object'), 'suite', 'string');
  return { claims, rights, jws, device: claims.device, id: claims.id, issued: time(claims, 'iat'),
    begins: isNull(claims, 'nbf') ? null : time(claims, 'nbf'),
    expires: isNull(claims, 'exp') ? null : time(claims, 'exp'),
    packageId: member(content, 'package', 'string'), version: member(content, 'version', 'number'),
    commitment: fromB64u(content.key_commitment) };
}
export const nonceOk = (nonce) => need(nonce.length >= 16 && nonce.length <= 128 && /^[\x00-\x7f]*$/.test(nonce),
  'bad_format', 'a nonce has 16 to 128 ASCII characters');
export async function verifyLease(jws, issuer, { licence, device, nonce }) {
  const claims = await document(jws, issuer, 'lease', 'id licence licence_hash device iat exp counter ' +
    'epoch first_play plays nonce wrapped_key');
  need(member(claims, 'licence_hash', 'string') === (await hashOf(licence)), 'bad_signature', 'another licence');
  need(member(claims, 'device', 'string') === device, 'bad_signature', 'another device');
  nonceOk(member(claims, 'nonce', 'string'));
  need(nonce === null || claims.nonce === nonce, 'bad_signature', 'an older answer');
  member(claims, 'wrapped_key', 'object');
  const lease = { claims, device, id: member(claims, 'id', 'string'), hash: claims.licence_hash,
    licenceId: member(claims, 'licence', 'string'), issued: time(claims, 'iat'), expires: time(claims, 'exp'),
    counter: member(claims, 'counter', 'number'), epoch: member(claims, 'epoch', 'number'),
    firstPlay: isNull(claims, 'first_play') ? null : time(claims, 'first_play'),
    plays: isNull(claims, 'plays') ? 0 : member(claims, 'plays', 'number') };
  need(lease.expires > lease.issued && Math.min(lease.counter, lease.epoch, lease.plays) >= 0,
    'bad_format', 'the lease contradicts itself');
  return lease;
}
export function decide(action, licence, { lease, usage, now, highWater }) { // 6.5 rows 6 to 8, 13.3
  const { rights } = licence;
  need(licence.begins === null || now >= licence.begins, 'not_yet_valid', 'not begun');
  need(licence.expires === null || now < licence.expires, 'expired', 'ended');
  need((action === 'play' && rights.play) || (action === 'save' && rights.save), 'right_absent', 'no such right');
  const clock = (seen) => need(seen === null || now >= seen - 300, 'clock_set_back', 'the clock was set back');
  let ends = licence.expires ?? Infinity;
  if (rights.lease) {
    need(usage.known, 'state_missing', 'no record of plays');
    clock(highWater);
    need(lease, 'lease_missing', 'no lease');
    clock(lease.issued);
    ends = Math.min(ends, after(lease.expires, rights.lease.grace));
    need(now < after(lease.expires, rights.lease.grace), 'lease_expired', 'the lease has ended');
    if (rights.window !== null) {
      const plays = [lease.firstPlay, usage.firstPlay].filter((play) => play !== null);
      const over = after(plays.length ? Math.min(...plays) : now, rights.window);
      need(now < over, 'window_over', 'the window is over');
      ends = Math.min(ends, over);
    }
    need(rights.count === null || lease.plays + usage.plays < rights.count, 'plays_used_up', 'no plays left');
  } else if (licence.begins !== null || licence.expires !== null) clock(highWater);
  if (ends === Infinity) return { ends: null, stops: null };
  return { ends, stops: rights.soft ? after(ends, rights.hardCap) : ends };
}
export const after = (moment, seconds) => Math.min(moment + seconds, LAST);
export const NO_USE = { known: true, firstPlay: null, plays: 0 };
export async function openLicence(licence, keys, { manifest, now, action, status, lease, usage = NO_USE, highWater = null }) {
  if (status) {
    need([licence.id, `device:${licence.device}`].includes(status.id), 'bad_signature', 'another licence');
    need(status.open, 'revoked', 'withdrawn');
  }
  need(licence.device === (await thumbprint(keys.identity)), 'other_device', 'another device');
  need(licence.packageId === manifest.id && licence.version === manifest.version &&
    same(licence.commitment, manifest.commitment), 'other_content', 'another package');
  const held = licence.rights.lease ? lease : null;
  need(!held || (held.hash === (await hashOf(licence.jws)) && held.device === licence.device),
    'bad_signature', 'a lease of another licence');
  const decision = decide(action, licence, { lease: held, usage, now, highWater });
  const key = await (held ? leaseKey(held, keys) : unwrap(licence.claims, 'geobuk-licence-v1', keys));
  await checkKey(manifest, key);
  return { key, ...decision };
}

// 7 Status
export async function readStatus(jws, issuer) {
  const claims = await document(jws, issuer, 'status',
    'id status message updated iat nonce sequence reason');
  const open = { ready: true, active: true, revoked: false, returned: false, cancelled: false,
    expired: false }[member(claims, 'status', 'string')];
  need(open !== undefined, 'bad_format', 'an unknown status');
  for (const name of ['id', 'message', 'nonce']) member(claims, name, 'string');
  time(claims, 'updated');
  const issued = time(claims, 'iat');
  const sequence = 'sequence' in claims ? member(claims, 'sequence', 'number') : 0;
  need(sequence >= 0, 'bad_format', 'a sequence below zero');
  const reason = 'reason' in claims ? member(claims, 'reason', 'string') : '';
  return { id: claims.id, issued, open, word: claims.status, message: claims.message, nonce: claims.nonce, sequence, reason };
}
export async function verifyStatus(jws, issuer, { id, nonce, lowest }) {
  nonceOk(nonce);
  const status = await readStatus(jws, issuer);
  need(status.id === id && status.nonce === nonce && status.sequence >= lowest,
    'bad_signature', 'another licence, or an older answer');
  return status;
}

// 8 Issuer certificate
export async function verifyCertificate(jws, root) {
  const claims = await document(jws, root, 'issuer', 'kid key nbf exp');
  const key = identityOf(claims.key);
  const [kid, begins, expires] = [await thumbprint(key), time(claims, 'nbf'), time(claims, 'exp')];
  need(member(claims, 'kid', 'string') === kid && expires > begins, 'bad_format', 'it contradicts itself');
  return { key, kid, begins, expires };
}
export async function issuerOf(token, certificates, root) { // the key that a document says it is of
  const kid = member(split(token).header, 'kid', 'string');
  for (const candidate of certificates) {
    const found = await verifyCertificate(candidate, root).catch(() => null);
    if (found?.kid === kid) return found;
  }
  return refuse('bad_signature', 'no key of this shop');
}
export function issuedWithin(certificate, issued) { // 3.2
  need(certificate.begins <= issued && issued <= certificate.expires, 'bad_signature', 'outside its time');
}
