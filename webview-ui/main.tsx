// Entry of the bundle that runs in a VS Code webview and in a plain browser alike: chooses the host, tells it that the
// page listens, and draws once the host has said which page to show.
import './host/zodWithoutEval.ts';
import { render } from 'preact';
import { App } from './app.tsx';
import { createBrowserHost } from './host/browserHost.ts';
import { createVsCodeHost } from './host/vscodeHost.ts';
import { setLocale } from './i18n/index.ts';
import { createClient } from './store/client.ts';
import { ServicesContext } from './store/hooks.ts';
import { createLiveStore } from './store/live.ts';

const isVsCode = typeof acquireVsCodeApi === 'function';
if (!isVsCode) document.documentElement.classList.add('standalone');

const client = createClient(isVsCode ? createVsCodeHost() : createBrowserHost());
const services = { client, live: createLiveStore(client) };
const root = document.getElementById('app') ?? document.body;

client.start((locale) => {
  setLocale(locale);
  document.documentElement.lang = locale;
  render(
    <ServicesContext.Provider value={services}>
      <App />
    </ServicesContext.Provider>,
    root,
  );
});
