"""A release as Croissant 1.1: the metadata that data set hubs, search engines and `mlcroissant` read.

Files by their sha256, one record set with the columns of the data, and where the rows come from: each level as an input
of the next, by its content id (PROV). The file lies in every release and says nothing that its manifest does not.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pipeline.publish.release import Release

NAME = "croissant.json"
CONTEXT: dict[str, Any] = {
    "@language": "en", "@vocab": "https://schema.org/", "citeAs": "cr:citeAs", "column": "cr:column",
    "conformsTo": "dct:conformsTo", "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"}, "dct": "http://purl.org/dc/terms/", "extract": "cr:extract",
    "field": "cr:field", "fileObject": "cr:fileObject", "fileProperty": "cr:fileProperty", "fileSet": "cr:fileSet",
    "format": "cr:format", "includes": "cr:includes", "isLiveDataset": "cr:isLiveDataset", "md5": "cr:md5",
    "prov": "http://www.w3.org/ns/prov#", "rai": "http://mlcommons.org/croissant/RAI/", "recordSet": "cr:recordSet",
    "references": "cr:references", "regex": "cr:regex", "repeated": "cr:repeated", "replace": "cr:replace",
    "sc": "https://schema.org/", "separator": "cr:separator",
    "key": "cr:key", "path": "cr:path",
    "samplingRate": "cr:samplingRate", "jsonPath": "cr:jsonPath", "parentField": "cr:parentField",
    "equivalentProperty": "cr:equivalentProperty", "examples": {"@id": "cr:examples", "@type": "@json"},
    "source": "cr:source", "subField": "cr:subField",
    "transform": "cr:transform",
}  # fmt: skip
TYPES = {"string": "sc:Text", "double": "sc:Float", "float": "sc:Float", "bool": "sc:Boolean"}


def croissant(release: Release, columns: dict[str, str]) -> dict[str, Any]:
    """The metadata of a release whose data has these columns (name → Arrow type)."""
    data = [file for file in release.files if file.role == "data"]
    objects = [
        {
            "@type": "cr:FileObject", "@id": file.path, "name": file.path, "contentUrl": file.path,
            "contentSize": f"{file.bytes} B", "encodingFormat": "application/x-parquet", "sha256": file.sha256,
        }
        for file in data
    ]  # fmt: skip
    shards = {
        "@type": "cr:FileSet", "@id": "shards", "name": "shards", "encodingFormat": "application/x-parquet",
        "containedIn": [{"@id": file.path} for file in data], "includes": "data/*.parquet",
    }  # fmt: skip
    fields = [
        {
            "@type": "cr:Field", "@id": f"documents/{name}", "name": name,
            "dataType": TYPES.get(kind, "sc:Integer" if "int" in kind else "sc:Text"),
            "source": {"fileSet": {"@id": "shards"}, "extract": {"column": name}},
        }
        for name, kind in columns.items()
    ]  # fmt: skip
    derived = [
        {"@type": "prov:Entity", "@id": f"urn:orefine:{level.level}:{level.content_id}", "name": level.level}
        for level in release.levels
    ]
    return {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "name": release.dataset,
        "description": f"{release.rows} documents after {release.level}, refined by Orefine.",
        "conformsTo": "http://mlcommons.org/croissant/1.1",
        "version": release.version,
        "prov:wasDerivedFrom": derived,
        "distribution": [*objects, shards],
        "recordSet": [{"@type": "cr:RecordSet", "@id": "documents", "name": "documents", "field": fields}],
    }


def croissant_text(release: Release, columns: dict[str, str]) -> str:
    return json.dumps(croissant(release, columns), indent=1, ensure_ascii=False) + "\n"
