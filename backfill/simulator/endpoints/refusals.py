"""The faults of these endpoints. Codes and meanings are documented; the words are ours where none were recorded."""

from __future__ import annotations

from backfill.simulator.faults import Fault, business

UPLOAD_TOO_LARGE = Fault("6030", "File size too large", "The size of the files exceeds the limit of an upload request")
BAD_METADATA = Fault(
    "6040", "Invalid metadata type", "The metadata of a file is not JSON of an Attachable", element="file_metadata"
)
BAD_FILE = Fault("6041", "Invalid file", "The file is empty, cut, or of a type that is not supported")
EMAIL_REQUIRED = Fault(
    "6420",
    "E-mail address required",
    "The form has no BillEmail: give the address in sendTo, or in the form",
    element="BillEmail",
)


def bad_content_type(sent: str) -> Fault:
    return Fault("1050", "Invalid Content-Type", f"The content type {sent} is not supported for operation upload")


def bad_reference_type(sent: str) -> Fault:
    return Fault("6050", "Invalid AttachableRef type", f"Nothing can be attached to a {sent}", element="AttachableRef")


def unknown_reference(entity: str, object_id: str) -> Fault:
    """6000, as recorded: not the 2500 of other references."""
    what = f"{entity} {object_id}"
    return business(f"The entity {what} that you are trying to link does not exist. {what}")


def bad_email(sent: str) -> Fault:
    return Fault("2210", "Invalid Email Address", f"The e-mail address {sent} is not valid", element="BillEmail")


def bad_number(sent: str, element: str) -> Fault:
    return Fault(
        "2090", "Invalid Number", f"{element} should be a valid number. Supplied value:{sent}", element=element
    )
