import { emptyStyleHash } from '../../server/protocol/pages.ts';

/**
 * The content security policy of our pages: our own bundle and nothing else; calls go through the extension, so the
 * page itself connects to nothing. Frames are for foreign applications (TensorBoard) where the editor reaches them.
 * @param source the editor's origin for files of the extension
 * @param inBrowser in an editor without TLS of its own, forwarded ports are plain http at the editor's address
 */
export function contentSecurityPolicy(source: string, nonce: string, inBrowser: boolean): string {
  return [
    "default-src 'none'",
    `script-src 'nonce-${nonce}'`,
    `style-src ${source} ${emptyStyleHash}`,
    `font-src ${source}`,
    `img-src ${source} data:`,
    'media-src data:',
    `frame-src http://127.0.0.1:* http://localhost:* https:${inBrowser ? ' http:' : ''}`,
  ].join('; ');
}
