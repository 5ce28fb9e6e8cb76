// What passes between a foreign application in its frame and the relay around it. The application has an origin of its
// own there (opaque), so that it reaches nothing of the editor it is shown in; its requests go through the relay, which
// lets pass those below the application's own path.

/** From the application's frame. */
export interface RelayRequest {
  id: number;
  method: string;
  /** As the application wrote it, relative to its own path. */
  url: string;
  headers: [name: string, value: string][];
  body?: ArrayBuffer;
}

/** From the relay; without a status the request failed, or was not let pass. */
export interface RelayAnswer {
  id: number;
  status?: number;
  statusText: string;
  url: string;
  headers: [name: string, value: string][];
  body: ArrayBuffer;
}
