"""What echo.ts does, as the user's entry in Slipway's own FastAPI model server."""

from fastapi import FastAPI, Request, Response

app = FastAPI()


@app.post("/predict")
async def predict(request: Request):
    return Response(await request.body(), media_type="application/json")


@app.get("/echo/{text}")
async def echo(text: str):
    return Response(text, media_type="application/json")
