// Sections 2, 3 and 9, and HPKE (RFC 9180): keys, signatures, signed documents.
import { webcrypto } from 'node:crypto';
import {
  attempt, b64u, concat, fromB64u, fromHex, kindOf, member, need, parseObject, time, utf8,
} from './encoding.mjs';

const { subtle } = webcrypto;
// 2 Keys
export const sha256 = async (...parts) => new Uint8Array(await subtle.digest('SHA-256', concat(...parts)));
export async function hmac(key, data) {
  const used = key.length ? key : new Uint8Array(32); // HMAC pads with zeros; WebCrypto wants a key
  const imported = await subtle.importKey('raw', used, { name: 'HMAC', hash: 'SHA-256' }, false, ['sign']);
  return new Uint8Array(await subtle.sign('HMAC', imported, data));
}
export async function hkdf(ikm, salt, info) {
  const key = await subtle.importKey('raw', ikm, 'HKDF', false, ['deriveBits']);
  return new Uint8Array(await subtle.deriveBits({ name: 'HKDF', hash: 'SHA-256', salt: Uint8Array.from(salt), info }, key, 256));
}
export async function gcm(keyBytes, iv, data, usage = 'decrypt') {
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
export function identityOf(jwk) {
  need(kindOf(jwk) === 'object' && jwk.kty === 'OKP' && jwk.crv === 'Ed25519' && !('d' in jwk),
    'bad_format', 'no public Ed25519 key');
  const key = fromB64u(jwk.x);
  need(key.length === 32, 'bad_format', 'an identity key has 32 bytes');
  return key;
}
export async function x25519(privateBytes, publicBytes) {
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

export const normal = (url) => { // 2.5
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
export async function unwrapAtRest(master, wrapped, context) { // 9
  need(master.length === 32, 'bad_format', 'a master key has 32 bytes');
  const info = concat(utf8('geobuk-custody-content-key-v1\0'), context);
  const kek = await subtle.importKey('raw', await hkdf(master, new Uint8Array(0), info), 'AES-KW', false, ['unwrapKey']);
  return attempt('wrong_key', 'not wrapped for this row', async () => {
    const key = await subtle.unwrapKey('raw', wrapped, kek, 'AES-KW', 'AES-GCM', true, ['decrypt']);
    return new Uint8Array(await subtle.exportKey('raw', key));
  });
}

// 3 Signed documents
export function split(token) {
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
export function requireVersion(claims, known) { // 3.3
  need(member(claims, 'v', 'number') === 1, 'unsupported', 'another version');
  if (!('crit' in claims)) return;
  need(member(claims, 'crit', 'list').every((n) => typeof n === 'string' && known.includes(n)),
    'unsupported', 'an unknown condition');
}
export async function document(token, publicKey, kind, known) {
  const claims = await verify(token, publicKey, `geobuk-${kind}+jws`);
  requireVersion(claims, ['v', 'crit', ...known.split(' ')]);
  return claims;
}
export const hashOf = async (token) => b64u(await sha256(utf8(token)));
