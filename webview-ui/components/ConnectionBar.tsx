import { useEffect, useState } from 'preact/hooks';
import { clock, m } from '../i18n/index.ts';
import { useConnection } from '../store/hooks.ts';
import { StatusIcon } from './Status.tsx';

/** A break shorter than this is not worth a word. */
const patienceMs = 1500;

/** Says quietly, at the bottom edge, that what is shown may be old; it covers nothing and moves nothing. */
export function ConnectionBar() {
  const connection = useConnection();
  const [isLate, setIsLate] = useState(false);
  const isBroken = connection !== undefined && connection.state !== 'connected';
  useEffect(() => {
    setIsLate(false);
    if (!isBroken) return;
    const timer = setTimeout(() => setIsLate(true), patienceMs);
    return () => clearTimeout(timer);
  }, [isBroken]);
  return (
    <div class="connection" role="status" aria-live="polite">
      {isBroken && isLate && (
        <p>
          <StatusIcon status="starting" /> {m.reconnectingSince(clock(connection.since))}
        </p>
      )}
    </div>
  );
}
