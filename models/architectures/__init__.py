"""One file an architecture.  Each defines

    Config                                 its options (a frozen pydantic model, all with defaults)
    encoder(config, image_shape, outputs)  module: (B, C, H, W) -> (B, outputs); outputs = 2·latent_dim: mu, then logvar
    decoder(config, image_shape, inputs)   module: (B, inputs) -> (B, C, H, W) logits; inputs = latent_dim (+ condition)

and raises `UserError` for an image shape that it cannot do.  Conditions are handled outside, in `models.vae`.
"""
