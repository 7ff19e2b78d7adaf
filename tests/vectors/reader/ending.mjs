// Section 17: unlock documents, activation, shares and recovery codes.
import {
  b64u, canonical, concat, fromB64u, hex, kindOf, member, need, parseObject, same, time, utf8,
} from './encoding.mjs';
import { document, hkdf, hpkeOpen, sha256, thumbprint } from './signed.mjs';
import { checkKey } from './content.mjs';
import { readRights } from './licence.mjs';

const secretCommitment = (secret) => sha256(utf8('geobuk-activation-commitment-v1\0'), secret); // 17.2
const key32 = (bytes) => { need(bytes.length === 32, 'bad_format', 'a key has 32 bytes'); return bytes; };

// 17.1 Unlock document
export async function readUnlock(jws, issuer) {
  const claims = await document(jws, issuer, 'unlock', 'id issuer iat sub device commitment grants wrapped_keys');
  const commitment = key32(fromB64u(claims.commitment));
  for (const name of ['id', 'issuer', 'sub', 'device']) member(claims, name, 'string');
  need(/^[\x00-\x7f]*$/.test(claims.device), 'bad_format', 'a thumbprint is ASCII');
  member(claims, 'wrapped_keys', 'object');
  time(claims, 'iat');
  const grants = member(claims, 'grants', 'list').map((grant) => {
    need(kindOf(grant) === 'object', 'bad_format', 'a grant is no object');
    const rights = readRights(member(grant, 'rights', 'object'));
    need(!rights.lease, 'bad_format', 'a grant with a lease');
    member(grant, 'title', 'string');
    return { rights, package: member(grant, 'package', 'string'), version: member(grant, 'version', 'number'),
      commitment: fromB64u(grant.key_commitment) };
  });
  return { claims, commitment, grants };
}
export async function openUnlock({ claims, commitment, grants }, keys, { packageId, manifest, secret, action }) {
  need(same(await secretCommitment(secret), commitment), 'bad_signature', 'another activation');
  need(claims.device === (await thumbprint(keys.identity)), 'other_device', 'another recipient');
  const place = grants.findIndex((grant) => grant.package === packageId);
  const grant = grants[place];
  need(grant && grant.version === manifest.version && same(grant.commitment, manifest.commitment),
    'other_content', 'another package');
  need(['play', 'save'].includes(action) && grant.rights[action], 'right_absent', 'no such right');
  const { suite, enc, ct } = claims.wrapped_keys;
  need(kindOf(suite) === 'string', 'bad_format', 'no suite');
  need(suite === (keys.suite ?? 'X25519') && suite === 'X25519', 'unsupported', 'another suite');
  const { wrapped_keys: _, ...bound } = claims;
  const info = concat(utf8('geobuk-unlock-v1'), await sha256(utf8(canonical(bound))));
  const opened = await hpkeOpen(keys.sealingKey, fromB64u(enc), fromB64u(ct), info, { key: secret, id: commitment });
  need(opened.length === 32 * grants.length, 'bad_format', 'not a key for each grant');
  const key = opened.subarray(32 * place, 32 * place + 32);
  await checkKey(manifest, key);
  return key;
}

// 17.2 Activation
export async function readActivation(data) {
  need(data.length <= 64 * 1024, 'bad_format', 'no activation file');
  const claims = parseObject(data);
  need(claims.kind === 'geobuk-activation', 'bad_format', 'no activation file');
  need(member(claims, 'v', 'number') === 1, 'unsupported', 'another version');
  const secret = key32(fromB64u(claims.secret));
  need(same(await secretCommitment(secret), fromB64u(claims.commitment)), 'bad_signature', 'a changed file');
  return { secret, shop: member(claims, 'shop', 'string'), root: key32(fromB64u(claims.root_key)) };
}

// 17.3 Shares: Shamir over GF(2^128)
const times = (a, b) => {
  let product = 0n;
  for (; b; b >>= 1n, a = a << 1n ^ (a >> 127n ? 1n << 128n | 0x87n : 0n)) if (b & 1n) product ^= a;
  return product;
};
const inverse = (a) => { // a^(2^128 - 2)
  let result = 1n;
  for (let i = 1; i < 128; i += 1) { a = times(a, a); result = times(result, a); }
  return result;
};
export async function combineShares(shares, signer, commitment) {
  const read = [];
  for (const jws of shares) {
    const claims = await document(jws, signer, 'share', 'iat set index threshold total share commitment');
    const [set, index, threshold, total] = [member(claims, 'set', 'string'), member(claims, 'index', 'number'),
      member(claims, 'threshold', 'number'), member(claims, 'total', 'number')];
    time(claims, 'iat');
    const [value, promise] = [key32(fromB64u(claims.share)), key32(fromB64u(claims.commitment))];
    need(index >= 1 && index <= total && total <= 255 && threshold >= 2 && threshold <= total,
      'bad_format', 'a share contradicts itself');
    read.push({ index: BigInt(index), threshold, value, promise, of: [set, threshold, total, b64u(promise)].join() });
  }
  need(read.length && read.every(({ of }) => of === read[0].of), 'bad_format', 'shares of several sets');
  need(new Set(read.map(({ index }) => index)).size === read.length, 'bad_format', 'a share given twice');
  need(read.length >= read[0].threshold, 'bad_format', 'too few shares');
  const chosen = read.slice(0, read[0].threshold);
  const half = (at) => { // the value at 0, by Lagrange
    let sum = 0n;
    for (const { index, value } of chosen) {
      let part = BigInt(`0x${hex(value.subarray(at, at + 16))}`);
      for (const { index: other } of chosen) {
        if (other !== index) part = times(part, times(other, inverse(other ^ index)));
      }
      sum ^= part;
    }
    return Buffer.from(sum.toString(16).padStart(32, '0'), 'hex');
  };
  const secret = concat(half(0), half(16));
  need(same(await secretCommitment(secret), commitment ?? chosen[0].promise), 'bad_signature', 'another secret');
  return secret;
}

// 17.4 Recovery code
const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const doubled = (value) => (value & 16 ? value << 1 ^ 0x25 : value << 1);
export async function readRecoveryCode(text) {
  const plain = text.toUpperCase().replace(/[\s\-–—_.,:;/|]/g, '').replace(/O/g, '0').replace(/[IL]/g, '1');
  const values = [...plain].map((letter) => ALPHABET.indexOf(letter));
  need(values.length === 72 && !values.includes(-1), 'bad_format', 'no code of 72 characters');
  let bits = 0n;
  for (let group = 0; group < 12; group += 1) {
    let state = group + 1;
    for (const value of values.slice(6 * group, 6 * group + 5)) {
      state = doubled(state) ^ value;
      bits = bits << 5n | BigInt(value);
    }
    need(doubled(state) === values[6 * group + 5], 'bad_format', `group ${group + 1} cannot be right`);
  }
  const payload = Buffer.from((bits >> 4n).toString(16).padStart(74, '0'), 'hex');
  const check = (await sha256(utf8('geobuk-recovery-code-v1'), payload))[0] >> 4;
  need(Number(bits & 15n) === check, 'bad_format', 'the code is not right');
  const key = payload.subarray(0, 32);
  return { key, hint: payload.subarray(32), identitySeed: await hkdf(key, [], utf8('geobuk-recovery-identity-v1')),
    sealingKey: await hkdf(key, [], utf8('geobuk-recovery-sealing-v1\0X25519')) };
}
