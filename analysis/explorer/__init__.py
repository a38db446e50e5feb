"""The explorer: one page that runs a model in the browser, over a batch of pictures.

subject     which model: a published one, a model file, or a trial's; with its pictures
batch       what the model says of the pictures: codes, errors, order and names of the latents, the plane of the map
runtime     onnxruntime-web, as its package ships it
page        all of it in one HTML file; `*.js` are the page's own scripts, one a tab
"""
