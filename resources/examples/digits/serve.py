"""Serves the digits model: POST /predict {"instances": [[64 levels, 0 to 16], ...]}."""

import os
from typing import Annotated

import uvicorn
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

import network

Level = Annotated[float, Field(ge=0, le=network.LEVELS, allow_inf_nan=False)]
Scan = Annotated[list[Level], Field(min_length=network.PIXELS, max_length=network.PIXELS)]


class PredictRequest(BaseModel):
    instances: Annotated[list[Scan], Field(min_length=1, max_length=1000)]


class Prediction(BaseModel):
    label: str
    probability: float


class PredictResponse(BaseModel):
    predictions: list[Prediction]


app = FastAPI(title="digits")
weights, labels = network.load_model(os.environ.get("SLIPWAY_MODEL", "runs/output/model"))


@app.exception_handler(RequestValidationError)
async def refuse(request: Request, error: RequestValidationError):
    """422 that says where and what, without repeating what was sent (which may be large, or not a number)."""
    problems = [{"where": ".".join(map(str, each["loc"])), "message": each["msg"]} for each in error.errors()[:10]]
    return JSONResponse({"detail": problems}, status_code=422)


@app.post("/predict")
def predict(request: PredictRequest) -> PredictResponse:
    probabilities = network.forward(weights, request.instances)[2]
    return PredictResponse(
        predictions=[Prediction(label=labels[row.argmax()], probability=float(row.max())) for row in probabilities]
    )


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=8000)
