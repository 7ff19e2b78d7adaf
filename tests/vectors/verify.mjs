// A second reader of docs/format-v1.md, written from that document on WebCrypto alone (Node.js 18
// or newer, no packages). It verifies and decrypts; it writes nothing that another reader needs.
// What it cannot do, the suite X-Wing, it refuses as `unsupported`.
import { open, readFile, rename, rm } from 'node:fs/promises';
import { webcrypto } from 'node:crypto';
import { pathToFileURL } from 'node:url';

const { subtle } = webcrypto;
const utf8 = (text) => new TextEncoder().encode(text);
export const hex = (bytes) => Buffer.from(bytes).toString('hex');
export const fromHex = (text) => new Uint8Array(Buffer.from(text, 'hex'));
export const concat = (...parts) => new Uint8Array(Buffer.concat(parts.map((part) => Uint8Array.from(part))));
const same = (a, b) => Buffer.compare(a, b) === 0;
const u32 = (value) => { const out = Buffer.alloc(4); out.writeUInt32BE(value); return out; };

export class Refusal extends Error {
  constructor(code, message) { super(message); this.code = code; }
}
const refuse = (code, message) => { throw new Refusal(code, message); };
// What WebCrypto refuses, by our code; any other error is a fault of this program.
async function attempt(code, message, work) {
  try { return await work(); } catch (error) {
    if (!['OperationError', 'DataError'].includes(error.name)) throw error;
    return refuse(code, message);
  }
}
const need = (holds, code, message) => { if (!holds) refuse(code, message); };

// 1.1 Base64url: one spelling only
export const b64u = (bytes) => Buffer.from(bytes).toString('base64url');
export function fromB64u(text) {
  need(typeof text === 'string' && /^[A-Za-z0-9_-]*$/.test(text), 'bad_format', 'not base64url');
  const bytes = new Uint8Array(Buffer.from(text, 'base64url'));
  need(b64u(bytes) === text, 'bad_format', 'not the one spelling of these bytes');
  return bytes;
}

// 1.2 JSON: no repeated member, fraction, large number or half character; names in ASCII
export function parseObject(bytes) {
  let text, at = 0;
  const bad = (what) => refuse('bad_format', `${what} at ${at} of a document`);
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch { bad('no UTF-8'); }
  const peek = () => { while (' \t\n\r'.includes(text[at] || '?')) at += 1; return text[at]; };
  const take = (char) => { if (peek() !== char) bad(`no ${char}`); at += 1; };
  const token = (pattern) => { pattern.lastIndex = at; return pattern.exec(text)?.[0]; };
  function string() {
    const start = at;
    take('"');
    while (at < text.length && text[at] !== '"') at += text[at] === '\\' ? 2 : 1;
    at += 1;
    let value;
    try { value = JSON.parse(text.slice(start, at)); } catch { bad('no text'); }
    if (/\p{Surrogate}/u.test(value)) bad('half a character');
    return value;
  }
  function sequence(close, item) {
    at += 1;
    if (peek() === close) { at += 1; return; }
    for (;;) {
      item();
      if (peek() === close) { at += 1; return; }
      take(',');
    }
  }
  function value() {
    const char = peek();
    if (char === '"') return string();
    if (char === '[') { const list = []; sequence(']', () => list.push(value())); return list; }
    if (char === '{') {
      const object = Object.create(null);
      sequence('}', () => {
        peek();
        const name = string();
        if (name in object) bad('a member said twice');
        if (!/^[\x00-\x7f]*$/.test(name)) bad('a name beyond ASCII');
        take(':');
        object[name] = value();
      });
      return object;
    }
    const word = token(/true|false|null|-?(?:0|[1-9][0-9]*)(?![.eE0-9])/y);
    if (word === undefined) bad('no value of this format');
    at += word.length;
    const known = JSON.parse(word);
    if (typeof known === 'number' && !Number.isSafeInteger(known)) bad('a number too large');
    return known;
  }
  let whole;
  try { whole = value(); } catch (error) {
    if (error instanceof RangeError) bad('too deep');
    throw error;
  }
  if (peek() !== undefined) bad('something after the end');
  need(kindOf(whole) === 'object', 'bad_format', 'a document is no object');
  return whole;
}

export function canonical(value) {
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  const members = Object.keys(value).sort().map((n) => `${JSON.stringify(n)}:${canonical(value[n])}`);
  return `{${members.join(',')}}`;
}

const kindOf = (v) => (v === null ? 'null' : Array.isArray(v) ? 'list' : typeof v);
function member(claims, name, kind) {
  const value = claims[name];
  need(kindOf(value) === kind, 'bad_format', `“${name}” is missing or malformed`);
  return value;
}
const isNull = (claims, name) => { // it must be there, and may be null
  need(name in claims, 'bad_format', `“${name}” is missing`);
  return claims[name] === null;
};
const [FIRST, LAST] = [-62135596800, 253402300799]; // 1.3: the years 1 to 9999
function time(claims, name) {
  const value = member(claims, name, 'number');
  need(value >= FIRST && value <= LAST, 'bad_format', `“${name}” is no time`);
  return value;
}

// 2 Keys
export const sha256 = async (...parts) => new Uint8Array(await subtle.digest('SHA-256', concat(...parts)));
async function hmac(key, data) {
  const used = key.length ? key : new Uint8Array(32); // HMAC pads with zeros; WebCrypto wants a key
  const imported = await subtle.importKey('raw', used, { name: 'HMAC', hash: 'SHA-256' }, false, ['sign']);
  return new Uint8Array(await subtle.sign('HMAC', imported, data));
}
export async function hkdf(ikm, salt, info) {
  const key = await subtle.importKey('raw', ikm, 'HKDF', false, ['deriveBits']);
  return new Uint8Array(await subtle.deriveBits({ name: 'HKDF', hash: 'SHA-256', salt, info }, key, 256));
}
async function gcm(keyBytes, iv, data, usage = 'decrypt') {
  const key = await subtle.importKey('raw', keyBytes, 'AES-GCM', false, [usage]);
  return new Uint8Array(await subtle[usage]({ name: 'AES-GCM', iv, tagLength: 128 }, key, data));
}
export const thumbprint = async (publicKey) =>
  b64u(await sha256(utf8(`{"crv":"Ed25519","kty":"OKP","x":"${b64u(publicKey)}"}`)));
export async function signed(publicKey, signature, data) {
  need(publicKey.length === 32, 'bad_format', 'an identity key has 32 bytes');
  const key = await subtle.importKey('raw', publicKey, { name: 'Ed25519' }, true, ['verify']);
  need(signature.length === 64 && (await subtle.verify('Ed25519', key, signature, data)),
    'bad_signature', 'the signature is not genuine');
}
function identityOf(jwk) {
  need(kindOf(jwk) === 'object' && jwk.kty === 'OKP' && jwk.crv === 'Ed25519' && !('d' in jwk),
    'bad_format', 'no public Ed25519 key');
  const key = fromB64u(jwk.x);
  need(key.length === 32, 'bad_format', 'an identity key has 32 bytes');
  return key;
}
async function x25519(privateBytes, publicBytes) {
  const pkcs8 = concat(fromHex('302e020100300506032b656e04220420'), privateBytes);
  const own = await subtle.importKey('pkcs8', pkcs8, { name: 'X25519' }, true, ['deriveBits']);
  const other = publicBytes && (await subtle.importKey('raw', publicBytes, { name: 'X25519' }, true, []));
  return {
    shared: other && new Uint8Array(await subtle.deriveBits({ name: 'X25519', public: other }, own, 256)),
    publicKey: fromB64u((await subtle.exportKey('jwk', own)).x),
  };
}
export async function checkSealingKey(identity, publicKey, suite, signature) { // 2.3
  need(suite === 'X25519', 'unsupported', `no suite ${suite} here`);
  await attempt('bad_format', 'the sealing key is not usable', // of small order: all zeros
    () => x25519(new Uint8Array(32).fill(1), publicKey));
  const statement = concat(utf8('geobuk-sealing-key-v1\0X25519\0'), publicKey);
  await signed(identity, signature, statement);
}
export const commitment = (key, sealId) => hkdf(key, fromHex(sealId), utf8('geobuk-key-commitment-v1')); // 2.4

const normal = (url) => { // 2.5
  const found = /^(https?):\/\/(\[[0-9a-f:.]+\]|[^/?#:@\s]+)(?::(\d{1,5}))?(\/[^?#\s]*)?(?:[?#]\S*)?$/i.exec(url);
  need(found, 'bad_format', 'no http address');
  const [scheme, host] = [found[1].toLowerCase(), found[2].toLowerCase()];
  const port = !found[3] || found[3] === { http: '80', https: '443' }[scheme] ? '' : `:${found[3]}`;
  return `${scheme}://${host}${port}${found[4] || '/'}`;
};
export async function verifyProof(jws, { method, url, now, accessToken }) {
  const key = identityOf(split(jws).header.jwk);
  const claims = await verify(jws, key, 'dpop+jwt', ['alg', 'typ', 'jwk']);
  const issued = time(claims, 'iat');
  const length = [...member(claims, 'jti', 'string')].length;
  need(length >= 8 && length <= 128, 'bad_format', 'the id of a proof has 8 to 128 characters');
  const right = member(claims, 'htm', 'string') === method.toUpperCase() &&
    normal(member(claims, 'htu', 'string')) === normal(url) && Math.abs(now - issued) <= 60 &&
    (accessToken === null || claims.ath === b64u(await sha256(utf8(accessToken))));
  need(right, 'bad_signature', 'the proof is for another request, token or time');
  return thumbprint(key);
}

// 3 Signed documents
function split(token) {
  need(token.length <= 16 * 2 ** 20, 'bad_format', 'too large');
  const parts = token.split('.');
  need(parts.length === 3, 'bad_format', 'no signed document');
  const [header, payload, signature] = parts.map(fromB64u);
  need(header.length <= 1024, 'bad_format', 'the header is too large');
  return { header: parseObject(header), payload, signature, text: `${parts[0]}.${parts[1]}` };
}
export async function verify(token, publicKey, typ, allowed = ['alg', 'typ', 'kid']) {
  const { header, payload, signature, text } = split(token);
  need(header.alg === 'EdDSA' && header.typ === typ, 'bad_signature', 'another kind of document');
  need(Object.keys(header).every((name) => allowed.includes(name)), 'unsupported', 'an unknown header');
  need(!('kid' in header) || kindOf(header.kid) === 'string', 'bad_signature', 'a kid is a text');
  await signed(publicKey, signature, utf8(text));
  return parseObject(payload);
}
function requireVersion(claims, known) { // 3.3
  need(member(claims, 'v', 'number') === 1, 'unsupported', 'another version');
  if (!('crit' in claims)) return;
  need(member(claims, 'crit', 'list').every((n) => typeof n === 'string' && known.includes(n)),
    'unsupported', 'an unknown condition');
}
async function document(token, publicKey, kind, known) {
  const claims = await verify(token, publicKey, `geobuk-${kind}+jws`);
  requireVersion(claims, ['v', 'crit', ...known.split(' ')]);
  return claims;
}
const hashOf = async (token) => b64u(await sha256(utf8(token)));

// 4 Stream
const [SEGMENT, PAYLOAD, HEADER] = [65536, 65520, 40];
export function cipherSize(plain) {
  const segments = Math.max(1, Math.ceil((plain + HEADER) / PAYLOAD));
  need(plain >= 0 && segments <= 2 ** 32, 'bad_format', 'no file has this size');
  return plain + HEADER + 16 * segments;
}
export function plainSize(cipher) {
  const plain = cipher - HEADER - 16 * Math.ceil(cipher / SEGMENT);
  need(plain >= 0 && cipherSize(plain) === cipher, 'bad_format', 'no sealed file has this size');
  return plain;
}
export function associatedData(sealId, index) { // 4.4
  need(/^[0-9a-f]{32}$/.test(sealId), 'bad_format', 'no seal id');
  return concat(utf8('geobuk-stream-v1'), fromHex(sealId), u32(index));
}
export const segmentNonce = (prefix, k, last) => concat(prefix, u32(k), [last ? 1 : 0]);

// `read(offset, length)` gives ciphertext; `size` is that of the signed manifest.
export async function openStream(read, size, key, ad) {
  const plain = plainSize(size);
  const last = Math.ceil(size / SEGMENT) - 1;
  const fetch = async (from, to) => {
    const bytes = await read(from, to - from);
    need(bytes.length === to - from, 'bad_signature', 'the sealed file ends too early');
    return bytes;
  };
  const header = await fetch(0, HEADER);
  need(header[0] === HEADER, 'bad_signature', 'no header of a stream');
  const derived = await hkdf(key, header.subarray(1, 33), ad);
  async function segment(k) {
    const bytes = await fetch(k * SEGMENT + (k ? 0 : HEADER), Math.min((k + 1) * SEGMENT, size));
    return attempt('bad_signature', 'the sealed file was changed, or this is not its key',
      () => gcm(derived, segmentNonce(header.subarray(33), k, k === last), bytes));
  }
  await segment(last); // before a byte is released
  async function readAt(offset, length) {
    const parts = [];
    for (const end = Math.min(plain, offset + length); offset < end; offset += parts.at(-1).length) {
      const k = Math.floor((offset + HEADER) / PAYLOAD);
      const skip = ((offset + HEADER) % PAYLOAD) - (k ? 0 : HEADER);
      parts.push((await segment(k)).subarray(skip, skip + end - offset));
    }
    return concat(...parts);
  }
  return { size: plain, readAt };
}
export const inMemory = (bytes) => async (offset, length) => bytes.subarray(offset, offset + length);

// 5 Package
export async function readManifest(jws, issuer) {
  const claims = await document(jws, issuer, 'manifest',
    'seal_id version piece_length segment_size files key_commitment details');
  const limit = (holds) => need(holds, 'bad_format', 'a manifest outside the limits');
  const [version, piece] = [member(claims, 'version', 'number'), member(claims, 'piece_length', 'number')];
  limit(/^[0-9a-f]{32}$/.test(member(claims, 'seal_id', 'string')) && claims.segment_size === SEGMENT);
  limit(version >= 1 && version < 2 ** 31);
  limit(piece >= 65536 && piece <= 2 ** 27 && Number.isInteger(Math.log2(piece)));
  const files = member(claims, 'files', 'list').map((file) => {
    limit(kindOf(file) === 'object');
    return { size: member(file, 'size', 'number'), root: fromB64u(file.root) };
  });
  limit(files.length >= 1 && files.length <= 10000);
  for (const { size, root } of files) limit(root.length === 32 && plainSize(size) >= 0);
  const [promise, details] = [fromB64u(claims.key_commitment), fromB64u(claims.details)];
  limit(promise.length === 32 && details.length <= 4 * 2 ** 20 && plainSize(details.length) >= 0);
  return { sealId: claims.seal_id, version, files, commitment: promise, details, id: hex(await sha256(utf8(jws))) };
}
export async function checkKey(manifest, key) {
  need(same(await commitment(key, manifest.sealId), manifest.commitment), 'wrong_key', 'another key');
}
const HIDDEN = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069/\\]/u;
export async function openDetails(manifest, key) { // 5.3, 5.4
  await checkKey(manifest, key);
  const stream = await openStream(inMemory(manifest.details), manifest.details.length, key,
    associatedData(manifest.sealId, 0xffffffff));
  const claims = parseObject(await stream.readAt(0, stream.size));
  requireVersion(claims, ['v', 'files', 'crit']);
  const entries = member(claims, 'files', 'list').map((file) => {
    need(kindOf(file) === 'object', 'bad_format', 'a name is no object');
    const [name, type] = [member(file, 'name', 'string'), member(file, 'media_type', 'string')];
    const bytes = utf8(name).length;
    need(!HIDDEN.test(name) && name !== '.' && name !== '..' && bytes >= 1 && bytes <= 1024 &&
      /^[ -~]{0,255}$/.test(type), 'bad_format', 'a name or a type outside the limits');
    return { name, type, size: member(file, 'size', 'number'), cipher: cipherSize(file.size) };
  });
  need(entries.length === manifest.files.length &&
    entries.every(({ cipher }, i) => cipher === manifest.files[i].size),
  'bad_signature', 'names and files do not fit together');
  return entries;
}
export async function openFile(manifest, index, read, key) {
  await checkKey(manifest, key);
  need(index >= 0 && index < manifest.files.length, 'bad_format', 'no such file');
  return openStream(read, manifest.files[index].size, key, associatedData(manifest.sealId, index));
}
export async function pieceRoot(cipher) { // 5.2, BEP 52
  let level = [];
  for (let at = 0; at < cipher.length; at += 16384) level.push(await sha256(cipher.subarray(at, at + 16384)));
  for (let pad = new Uint8Array(32); level.length > 1; pad = await sha256(pad, pad)) {
    if (level.length % 2) level.push(pad);
    level = await Promise.all(level.flatMap((left, i) => (i % 2 ? [] : [sha256(left, level[i + 1])])));
  }
  return level[0];
}

// 6 Licence, 13 lease
export async function hpkeOpen(privateKey, enc, sealed, info, psk) { // RFC 9180, single shot
  const none = new Uint8Array(0);
  const [kem, suite] = [utf8('KEM\0\x20'), utf8('HPKE\0\x20\0\x01\0\x02')];
  const extract = (id, salt, label, ikm) => hmac(salt, concat(utf8('HPKE-v1'), id, utf8(label), ikm));
  const expand = async (id, prk, label, context, length) => (await hmac(prk,
    concat([0, length], utf8('HPKE-v1'), id, utf8(label), context, [1]))).subarray(0, length);
  return attempt('wrong_key', 'the key does not open on this device', async () => {
    const { shared, publicKey } = await x25519(privateKey, enc);
    const prk = await extract(kem, none, 'eae_prk', shared);
    const secret = await expand(kem, prk, 'shared_secret', concat(enc, publicKey), 32);
    const context = concat([psk ? 1 : 0], await extract(suite, none, 'psk_id_hash', psk?.id ?? none),
      await extract(suite, none, 'info_hash', info));
    const schedule = await extract(suite, secret, 'secret', psk?.key ?? none);
    const key = await expand(suite, schedule, 'key', context, 32);
    return gcm(key, await expand(suite, schedule, 'base_nonce', context, 12), sealed);
  });
}
export const leaseKey = (lease, keys) => unwrap(lease.claims, 'geobuk-lease-v1', keys);
async function unwrap(claims, label, { sealingKey, suite = 'X25519' }) { // 6.4
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
function readRights(claims) { // 6.3
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
const LIMITS = { 'rights.lease': 'lease', 'rights.play_window': 'window', 'rights.play_count': 'count' };
export async function readLicence(jws, issuer) {
  const claims = await document(jws, issuer, 'licence', 'id issuer iat nbf exp sub device content ' +
    `rights wrapped_key links end_of_service ${Object.keys(LIMITS).join(' ')}`);
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
const nonceOk = (nonce) => need(nonce.length >= 16 && nonce.length <= 128 && /^[\x00-\x7f]*$/.test(nonce),
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
const after = (moment, seconds) => Math.min(moment + seconds, LAST);
const NO_USE = { known: true, firstPlay: null, plays: 0 };
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
    'id status message updated iat nonce sequence reason potential_end events');
  const open = { ready: true, active: true, revoked: false, returned: false, cancelled: false,
    expired: false }[member(claims, 'status', 'string')];
  need(open !== undefined, 'bad_format', 'an unknown status');
  for (const name of ['id', 'message', 'nonce']) member(claims, name, 'string');
  time(claims, 'updated');
  time(claims, 'iat');
  const sequence = 'sequence' in claims ? member(claims, 'sequence', 'number') : 0;
  need(sequence >= 0, 'bad_format', 'a sequence below zero');
  const reason = 'reason' in claims ? member(claims, 'reason', 'string') : '';
  return { id: claims.id, open, word: claims.status, message: claims.message, nonce: claims.nonce, sequence, reason };
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
export async function unwrapAtRest(master, wrapped, context) { // 9
  need(master.length === 32, 'bad_format', 'a master key has 32 bytes');
  const info = concat(utf8('geobuk-custody-content-key-v1\0'), context);
  const kek = await subtle.importKey('raw', await hkdf(master, new Uint8Array(0), info), 'AES-KW', false, ['unwrapKey']);
  return attempt('wrong_key', 'not wrapped for this row', async () => {
    const key = await subtle.unwrapKey('raw', wrapped, kek, 'AES-KW', 'AES-GCM', true, ['decrypt']);
    return new Uint8Array(await subtle.exportKey('raw', key));
  });
}

// 14 Audit log, RFC 9162
const hash32 = (bytes) => { need(bytes.length === 32, 'bad_format', 'a hash has 32 bytes'); return bytes; };
const half = (n) => Math.floor(n / 2);
export const leafHash = (entry) => sha256([0], entry);
export const nodeHash = (left, right) => sha256([1], left, right);
export async function verifyHead(jws, issuer) {
  const claims = await document(jws, issuer, 'head', 'size root chain iat');
  need(member(claims, 'size', 'number') >= 0, 'bad_format', 'a size below zero');
  return { size: claims.size, root: hash32(fromB64u(claims.root)), chain: hash32(fromB64u(claims.chain)), issued: time(claims, 'iat') };
}
// Walks a path up from node `fn` of a level whose last is `sn`; `old` grows on the left side only.
async function climb(path, fn, sn, seed) {
  let [old, now] = [seed, seed];
  for (const sibling of path) {
    need(sn > 0, 'bad_signature', 'a path too long');
    if (fn % 2 || fn === sn) {
      [old, now] = [await nodeHash(sibling, old), await nodeHash(sibling, now)];
      while (fn % 2 === 0 && fn > 0) [fn, sn] = [half(fn), half(sn)];
    } else now = await nodeHash(now, sibling);
    [fn, sn] = [half(fn), half(sn)];
  }
  need(sn === 0, 'bad_signature', 'a path too short');
  return [old, now];
}
export async function verifyInclusion(leaf, index, size, path, root) {
  need(index >= 0 && index < size, 'bad_signature', 'outside the log');
  const [, reached] = await climb(path, index, size - 1, leaf);
  need(same(reached, root), 'bad_signature', 'the path leads elsewhere');
}
export async function verifyConsistency(oldSize, oldRoot, newSize, newRoot, path) {
  need(oldSize > 0 && oldSize <= newSize, 'bad_signature', 'the log shrank');
  if (oldSize === newSize) {
    need(path.length === 0 && same(oldRoot, newRoot), 'bad_signature', 'the log was rewritten');
    return;
  }
  const hashes = Number.isInteger(Math.log2(oldSize)) ? [oldRoot, ...path] : path;
  need(hashes.length, 'bad_signature', 'no path');
  let [fn, sn] = [oldSize - 1, newSize - 1];
  while (fn % 2) [fn, sn] = [half(fn), half(sn)];
  const [old, now] = await climb(hashes.slice(1), fn, sn, hashes[0]);
  need(same(old, oldRoot) && same(now, newRoot), 'bad_signature', 'the log was rewritten');
}
export async function verifyLogProof(proof, issuer, token) { // 14.3
  const path = member(proof, 'path', 'list');
  need(path.length <= 64, 'bad_format', 'a path too long');
  const [entry, index] = [member(proof, 'entry', 'string'), member(proof, 'index', 'number')];
  const hashes = path.map((sibling) => hash32(fromB64u(sibling)));
  const head = await verifyHead(member(proof, 'head', 'string'), issuer);
  const named = member(parseObject(utf8(entry)), 'hash', 'string');
  need(named === (await hashOf(token)), 'bad_signature', 'a proof of another document');
  await verifyInclusion(await leafHash(utf8(entry)), index, head.size, hashes, head.root);
  return head;
}

// node verify.mjs licence KEYS.json                     says what a licence permits now
// node verify.mjs decrypt KEYS.json INDEX SEALED PLAIN  writes the plain file
// KEYS.json is described in README.md.
async function bundle(path) {
  const given = JSON.parse(await readFile(path, 'utf8'));
  const root = fromB64u(given.root);
  const keyFor = async (token) => issuerOf(token, given.certificates, root);
  const judged = await keyFor(given.licence);
  const licence = await readLicence(given.licence, judged.key);
  issuedWithin(judged, licence.issued);
  const manifest = await readManifest(given.manifest, (await keyFor(given.manifest)).key);
  const identity = fromB64u(given.identity);
  const stored = async (token, read) => (token ? read(token, (await keyFor(token)).key) : null);
  const lease = await stored(given.lease, (token, key) =>
    verifyLease(token, key, { licence: given.licence, device: licence.device, nonce: null }));
  const status = await stored(given.status, readStatus);
  const keys = { identity, sealingKey: fromB64u(given.sealing_key), suite: given.suite };
  const now = given.now ?? Math.floor(Date.now() / 1000);
  const action = given.action ?? 'play';
  const opened = await openLicence(licence, keys, { manifest, now, action, status, lease });
  return { licence, manifest, ...opened };
}
async function decrypt(keysPath, index, sealedPath, plainPath) {
  const { manifest, key } = await bundle(keysPath);
  const sealed = await open(sealedPath);
  const draft = `${plainPath}.part`;
  try {
    const read = async (offset, length) => {
      const { buffer, bytesRead } = await sealed.read(new Uint8Array(length), 0, length, offset);
      return buffer.subarray(0, bytesRead);
    };
    const stream = await openFile(manifest, Number(index), read, key);
    const plain = await open(draft, 'w');
    try {
      for (let at = 0; at < stream.size; at += 2 ** 20) await plain.write(await stream.readAt(at, 2 ** 20));
    } finally { await plain.close(); }
    await rename(draft, plainPath);
    return `${plainPath}: ${stream.size} bytes`;
  } finally {
    await sealed.close();
    await rm(draft, { force: true });
  }
}
async function describe(keysPath) {
  const { licence, manifest, key, ends } = await bundle(keysPath);
  const names = (await openDetails(manifest, key)).map(({ name, size }) => ({ name, size }));
  const until = ends === null ? 'without end' : new Date(ends * 1000).toISOString();
  return JSON.stringify({ licence: licence.id, rights: licence.rights, until, files: names }, null, 1);
}
if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const [command, ...rest] = process.argv.slice(2);
  const run = { licence: describe, decrypt }[command];
  if (!run || rest.length !== run.length) {
    console.error('node verify.mjs licence KEYS.json | decrypt KEYS.json INDEX SEALED PLAIN');
    process.exit(2);
  }
  try { console.log(await run(...rest)); } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    console.error(`${error.code}: ${error.message}`);
    process.exit(1);
  }
}
