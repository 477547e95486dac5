"""What requests and answers about medical records look like."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Final, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from target_app.parameters import ONE_SPACE, PRINTABLE, Moment

Kind = Literal["report", "xray", "photo", "prescription", "other"]
ContentType = Literal["application/pdf", "image/jpeg", "image/png", "image/webp", "application/dicom"]
Name = Annotated[str, Field(min_length=1, max_length=200), PRINTABLE, ONE_SPACE]
_ID: Final = "019a3c5e-7a54-7c7e-8d29-3f2b7f0e9a11"
_SHA256: Final = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"


class NewRecord(BaseModel):
    name: Name = Field(description="As people call it", examples=["Chest X-ray, March"])
    kind: Kind = Field(examples=["xray"])
    content_type: ContentType = Field(examples=["image/png"])
    size_bytes: int = Field(ge=1, le=2**31 - 1, examples=[482_113])
    sha256: str = Field(pattern="^[0-9a-fA-F]{64}$", description="Of the content, hexadecimal", examples=[_SHA256])
    patient_id: UUID | None = Field(None, description="Whose file it is; a doctor must say it", examples=[_ID])


class Announced(BaseModel):
    id: UUID
    upload_url: str = Field(
        description="PUT the content there", examples=["https://s3.example.com/records/uploads/…?X-Amz-Signature=…"]
    )
    upload_headers: dict[str, str] = Field(
        description="Send exactly these with it",
        examples=[
            {"Content-Type": "image/png", "x-amz-checksum-sha256": "n4bQgYhMfWWaL+qgxVrQFaO/TxsrC4Is0V1sFbDwCgg="}
        ],
    )
    expires_in: int = Field(description="Seconds that the URL is valid for, from the first answer on", examples=[900])


class State(StrEnum):
    AWAITING = "awaiting"
    CHECKING = "checking"
    STORED = "stored"
    REJECTED = "rejected"


class Reason(StrEnum):
    """Why a file was rejected."""

    WRONG_SIZE = "wrong-size"
    WRONG_CHECKSUM = "wrong-checksum"
    WRONG_TYPE = "wrong-type"
    TOO_MANY_PIXELS = "too-many-pixels"
    UNREADABLE = "unreadable"
    MISSING = "missing"


class Record(BaseModel):
    id: UUID
    patient_id: UUID
    uploaded_by: UUID = Field(description="The patient or a doctor")
    name: str = Field(examples=["Chest X-ray, March"])
    kind: Kind = Field(examples=["xray"])
    content_type: ContentType = Field(examples=["image/png"])
    size_bytes: int = Field(examples=[482_113])
    sha256: str = Field(examples=[_SHA256])
    state: State = Field(description="Only what is stored can be downloaded", examples=["stored"])
    rejected_because: Reason | None = Field(examples=[None])
    has_preview: bool = Field(description="Of images: a smaller, marked copy", examples=[True])
    created_at: datetime = Field(examples=["2027-03-01T12:00:00Z"])


class Records(BaseModel):
    records: list[Record] = Field(description="Newest first")
    next: UUID | None = Field(description="Give it as 'before' for the next page", examples=[None])


class Download(BaseModel):
    url: str = Field(examples=["https://s3.example.com/records/files/…?X-Amz-Signature=…"])
    preview_url: str | None = Field(examples=["https://s3.example.com/records/previews/…?X-Amz-Signature=…"])
    expires_in: int = Field(description="Seconds that the URLs are valid for", examples=[300])


class NewShare(BaseModel):
    expires_at: Moment = Field(description="At most a year from now", examples=["2027-03-01T12:00:00Z"])


class Share(BaseModel):
    doctor_id: UUID
    doctor_name: str = Field(examples=["Dra. Ana Souza"])
    expires_at: datetime = Field(examples=["2027-03-01T12:00:00Z"])


class Shares(BaseModel):
    shares: list[Share] = Field(description="Those that are still valid")


class Access(BaseModel):
    id: UUID
    at: datetime = Field(examples=["2027-03-01T12:00:00Z"])
    action: Literal["listed", "read", "downloaded", "prescriptions"] = Field(examples=["downloaded"])
    reader_id: UUID
    reader_name: str = Field(examples=["Dra. Ana Souza"])
    record_id: UUID | None = Field(description="Null when all of them were looked at", examples=[_ID])
    record_name: str | None = Field(description="Null too when the file is deleted", examples=["Chest X-ray, March"])


class Accesses(BaseModel):
    accesses: list[Access] = Field(description="Newest first")
    next: UUID | None = Field(description="Give it as 'before' for the next page", examples=[None])


class Medicine(BaseModel):
    medicine: Name = Field(examples=["Amoxicillin 500 mg"])
    dosage: Name = Field(examples=["1 capsule every 8 hours for 7 days"])
    instructions: str = Field("", max_length=1_000, pattern=r"^[^\x00]*$", examples=["Take it after meals"])


class NewPrescription(BaseModel):
    items: list[Medicine] = Field(min_length=1, max_length=50)
    notes: str | None = Field(None, max_length=2_000, pattern=r"^[^\x00]*$", examples=["Come back in two weeks"])


class Prescription(BaseModel):
    id: UUID
    appointment_id: UUID
    patient_id: UUID
    doctor_id: UUID
    doctor_name: str = Field(examples=["Dra. Ana Souza"])
    items: list[Medicine]
    notes: str | None = Field(examples=["Come back in two weeks"])
    issued_at: datetime = Field(examples=["2027-03-01T12:00:00Z"])


class Prescriptions(BaseModel):
    prescriptions: list[Prescription] = Field(description="Newest first")
    next: UUID | None = Field(description="Give it as 'before' for the next page", examples=[None])
