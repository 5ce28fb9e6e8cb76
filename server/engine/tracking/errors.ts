/** An error as MLflow clients know them: one of MLflow's codes (mlflow/protos/databricks.proto). */
export class TrackingError extends Error {
  readonly code: string;
  readonly status: number;

  constructor(code: string, message: string, status: number) {
    super(message);
    this.code = code;
    this.status = status;
  }
}
