// Section 14: the audit log (RFC 9162).
import { fromB64u, member, need, parseObject, same, time, utf8 } from './encoding.mjs';
import { document, hashOf, sha256 } from './signed.mjs';

// 14 Audit log, RFC 9162
export const hash32 = (bytes) => { need(bytes.length === 32, 'bad_format', 'a hash has 32 bytes'); return bytes; };
export const half = (n) => Math.floor(n / 2);
export const leafHash = (entry) => sha256([0], entry);
export const nodeHash = (left, right) => sha256([1], left, right);
export const verifyHead = (jws, issuer) => readHead(jws, issuer, 'head');
export async function readHead(jws, signer, kind) { // 14.2, and 14.4 where it is a checkpoint
  const claims = await document(jws, signer, kind, 'size root chain iat');
  need(member(claims, 'size', 'number') >= 0, 'bad_format', 'a size below zero');
  return { size: claims.size, root: hash32(fromB64u(claims.root)), chain: hash32(fromB64u(claims.chain)), issued: time(claims, 'iat') };
}
// Walks a path up from node `fn` of a level whose last is `sn`; `old` grows on the left side only.
export async function climb(path, fn, sn, seed) {
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
export async function verifyLogProof(proof, signer, token, headOf = verifyHead) { // 14.3
  const path = member(proof, 'path', 'list');
  need(path.length <= 64, 'bad_format', 'a path too long');
  const [entry, index] = [member(proof, 'entry', 'string'), member(proof, 'index', 'number')];
  const hashes = path.map((sibling) => hash32(fromB64u(sibling)));
  const head = await headOf(member(proof, 'head', 'string'), signer);
  const named = member(parseObject(utf8(entry)), 'hash', 'string');
  need(named === (await hashOf(token)), 'bad_signature', 'a proof of another document');
  await verifyInclusion(await leafHash(utf8(entry)), index, head.size, hashes, head.root);
  return head;
}
