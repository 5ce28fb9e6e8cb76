// Hooks: how components read live data, call operations and move between pages.
import { createContext } from 'preact';
import { useCallback, useContext, useEffect, useMemo, useReducer, useRef, useState } from 'preact/hooks';
import type { EntityOf, Run, Topic } from '../../server/protocol/entities.ts';
import type { ErrorBody } from '../../server/protocol/errors.ts';
import type { PageRoute } from '../../server/protocol/pages.ts';
import type { Client, Connection, Signal } from './client.ts';
import type { Live, LiveStore } from './live.ts';
import type { LogLines } from './logLines.ts';
import type { Series } from './series.ts';

export interface Services {
  client: Client;
  live: LiveStore;
}

export const ServicesContext = createContext<Services | undefined>(undefined);

export function useServices(): Services {
  return useContext(ServicesContext)!;
}

export function useClient(): Client {
  return useServices().client;
}

/** The objects of a topic, of one project or parent if named. `ready` tells an empty place from one not loaded yet. */
export function useTopic<T extends Topic>(topic: T, of?: string) {
  const { live } = useServices();
  const source = useMemo(() => live.topic(topic, of), [live, topic, of]);
  useLive(source);
  const { items, ready } = source.value;
  const list = useMemo(() => [...items.values()] as EntityOf<T>[], [items]);
  return { items: list, byId: items as ReadonlyMap<string, EntityOf<T>>, ready, error: source.error };
}

/** One run, live. */
export function useRun(id: string): { run?: Run; ready: boolean; error?: ErrorBody } {
  const { byId, ready, error } = useTopic('runs', id);
  return { run: byId.get(id), ready, error };
}

/** The log of a run as it grows; the object stays the same, its `version` tells changes. */
export function useLogs(run: string): LogLines {
  const { live } = useServices();
  const source = useMemo(() => live.logs(run), [live, run]);
  useLive(source);
  return source.value;
}

/** All scalar tags of a run as they grow; a series object stays the same, its `revision` tells changes. */
export function useSeries(run: string): ReadonlyMap<string, Series> {
  const { live } = useServices();
  const source = useMemo(() => live.metrics(run), [live, run]);
  useLive(source);
  return source.value;
}

/** Draws again when the data changed, at most once for each frame the screen shows. */
function useLive(source: Live<unknown>): void {
  const [, draw] = useReducer((count: number, _: undefined) => count + 1, 0);
  useEffect(() => {
    let frame = 0;
    const stop = source.listen(() => {
      frame ||= requestAnimationFrame(() => {
        frame = 0;
        draw(undefined);
      });
    });
    draw(undefined);
    return () => {
      cancelAnimationFrame(frame);
      stop();
    };
  }, [source]);
}

export function useSignal<T>(signal: Signal<T>): T {
  const [value, set] = useState(signal.value);
  useEffect(() => {
    set(signal.value);
    return signal.listen(() => set(signal.value));
  }, [signal]);
  return value;
}

export function useConnection(): Connection | undefined {
  return useSignal(useClient().connection);
}

/** Runs one operation at a time on behalf of a button: whether it is under way, and how it was refused. */
export function useAction() {
  const [busy, setBusy] = useState<string>();
  const [error, setError] = useState<ErrorBody>();
  const mounted = useRef(true);
  useEffect(() => {
    mounted.current = true;
    return () => {
      mounted.current = false;
    };
  }, []);
  const act = useCallback(async (name: string, work: () => Promise<void>) => {
    setBusy(name);
    setError(undefined);
    try {
      await work();
    } catch (refusal) {
      if (mounted.current) setError(asErrorBody(refusal));
    } finally {
      if (mounted.current) setBusy(undefined);
    }
  }, []);
  return { act, busy, error, clear: () => setError(undefined) };
}

/** What was loaded once for the given keys, and again by `reload`. */
export function useLoaded<T>(load: () => Promise<T>, keys: readonly unknown[]) {
  const [state, setState] = useState<{ value?: T; error?: ErrorBody }>({});
  const [round, again] = useReducer((count: number, _: undefined) => count + 1, 0);
  // the keys say when to load again, `load` is new each time
  useEffect(() => {
    let current = true;
    load().then(
      (value) => current && setState({ value }),
      (refusal) => current && setState((before) => ({ ...before, error: asErrorBody(refusal) })),
    );
    return () => {
      current = false;
    };
  }, [...keys, round]);
  return { ...state, reload: () => again(undefined) };
}

function asErrorBody(refusal: unknown): ErrorBody {
  const error = refusal as Partial<ErrorBody>;
  return { code: error.code ?? 'page.failed', message: error.message ?? String(refusal), hint: error.hint ?? '' };
}

/** Goes to another page; VS Code may open it beside. */
export function useNavigate(): (route: PageRoute, title: string) => void {
  const client = useClient();
  return useCallback((route, title) => client.send({ type: 'navigate', route, title }), [client]);
}

/** Tells the host this page's title as soon as it is known: for the panel's tab or the browser's. */
export function usePageTitle(route: PageRoute, title: string | undefined): void {
  const navigate = useNavigate();
  const key = JSON.stringify(route);
  // the route counts by its content, not by its identity
  useEffect(() => {
    if (title) navigate(route, title);
  }, [key, title, navigate]);
}

/** The present moment, renewed now and then so that relative times and durations stay true. */
export function useNow(everyMs: number): number {
  const [now, set] = useState(Date.now);
  useEffect(() => {
    const timer = setInterval(() => set(Date.now()), everyMs);
    return () => clearInterval(timer);
  }, [everyMs]);
  return now;
}
